APPS = ["shapes.own_tables"]
SETTINGS = {"AUTH_USER_MODEL": "own_tables.Person"}
