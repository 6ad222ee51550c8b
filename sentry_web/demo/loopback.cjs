"use strict";
// Preloaded into Spotlight's node (NODE_OPTIONS=--require): Spotlight listens on every interface and reports home.
// Here it listens on 127.0.0.1 only, and reaches nobody but 127.0.0.1.
const net = require("node:net");

const LOOPBACK = "127.0.0.1";
const listen = net.Server.prototype.listen;
const connect = net.Socket.prototype.connect;

net.Server.prototype.listen = function (...given) {
  const [first, ...rest] = given;
  if (typeof first === "number" || (typeof first === "string" && /^\d+$/.test(first))) {
    const callback = rest.find((argument) => typeof argument === "function");
    return listen.call(this, { port: Number(first), host: LOOPBACK }, ...(callback ? [callback] : []));
  }
  if (first && typeof first === "object" && "port" in first) {
    return listen.call(this, { ...first, host: LOOPBACK }, ...rest);
  }
  return listen.apply(this, given);
};

net.Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  const host = options && typeof options === "object" ? options.host : given[1];
  const local = (options && options.path) || host === LOOPBACK || host === "localhost";
  if (!local) {
    process.nextTick(() => this.destroy(new Error("only loopback may be reached")));
    return this;
  }
  return connect.apply(this, given);
};
