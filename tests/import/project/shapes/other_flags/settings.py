APPS = ["rest_framework.authtoken", "shapes.other_flags"]
SETTINGS = {"AUTH_USER_MODEL": "other_flags.Account"}
