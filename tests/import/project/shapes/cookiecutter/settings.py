APPS = ["rest_framework.authtoken", "shapes.cookiecutter"]
SETTINGS = {"AUTH_USER_MODEL": "cookiecutter.User"}
