APPS = ["rest_framework.authtoken", "shapes.email"]
SETTINGS = {"AUTH_USER_MODEL": "email.User"}
