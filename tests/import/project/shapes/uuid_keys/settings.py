APPS = ["rest_framework.authtoken", "knox", "shapes.uuid_keys"]
SETTINGS = {"AUTH_USER_MODEL": "uuid_keys.User"}
