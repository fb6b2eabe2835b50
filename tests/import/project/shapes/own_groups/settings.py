APPS = ["rest_framework.authtoken", "shapes.own_groups"]
SETTINGS = {"AUTH_USER_MODEL": "own_groups.Member"}
