APPS = ["rest_framework.authtoken", "shapes.soft_delete"]
SETTINGS = {"AUTH_USER_MODEL": "soft_delete.User"}
HASHERS = ["hashers.Renamed"]
