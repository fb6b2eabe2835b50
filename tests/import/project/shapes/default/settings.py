APPS = ["rest_framework.authtoken"]
SETTINGS = {}
