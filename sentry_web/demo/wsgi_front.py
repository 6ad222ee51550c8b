"""The bookshop as a Flask application: routes, and the conversion of the shop's results to responses.

This module contains neither the logic of the shop nor anything about Sentry. A view function has the name of the shop's
function, so that names are the same for both applications.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask, Response, jsonify, request

from sentry_web.demo import shop

View = Callable[..., Response]


def create_app() -> Flask:
    """Return the WSGI application."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=_view(shop.front_page))
    app.add_url_rule("/books/<int:book_id>", view_func=_view(shop.show_book))
    app.add_url_rule("/books/<int:book_id>/rating", view_func=_view(shop.average_rating))
    app.add_url_rule("/orders", view_func=_order_view(shop.place_order), methods=["POST"])
    app.add_url_rule("/catalogue.csv", view_func=_view(shop.export_catalogue))
    app.add_url_rule("/invoices.csv", view_func=_view(shop.export_invoices))
    return app


def _view(function: Callable[..., Any]) -> View:
    @functools.wraps(function)
    def view(**path_params: Any) -> Response:
        return _response(function(**path_params))

    return view


def _order_view(function: Callable[..., Any]) -> View:
    @functools.wraps(function)
    def view() -> Response:
        return _response(function(request.get_json()))

    return view


def _response(result: Any) -> Response:
    if isinstance(result, str):
        return Response(result, mimetype="text/html")
    if isinstance(result, Iterator):
        return Response(result, mimetype="text/csv")
    return jsonify(result)
