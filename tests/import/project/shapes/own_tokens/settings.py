APPS = ["shapes.own_tokens"]
SETTINGS = {}
