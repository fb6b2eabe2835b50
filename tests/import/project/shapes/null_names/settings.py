APPS = ["rest_framework.authtoken", "shapes.null_names"]
SETTINGS = {"AUTH_USER_MODEL": "null_names.User"}
