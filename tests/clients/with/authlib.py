"""Serves the application that a text defines. Arguments: the text, an address, a port."""

import sys
from wsgiref.simple_server import make_server

page, address, port = sys.argv[1:]
from_page = {"__name__": "page"}
exec(page, from_page)
make_server(address, int(port), from_page["app"]).serve_forever()
