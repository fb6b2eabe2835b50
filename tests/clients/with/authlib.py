"""Serves the application that a text defines. Arguments: the text, an address, a port."""

import sys

from werkzeug.serving import WSGIRequestHandler, run_simple

page, address, port = sys.argv[1:]
from_page = {"__name__": "page"}
exec(page, from_page)
WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple(address, int(port), from_page["app"])
