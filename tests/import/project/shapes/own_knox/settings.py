APPS = ["knox", "shapes.own_knox"]
SETTINGS = {"KNOX_TOKEN_MODEL": "own_knox.Key"}
