APPS = ["rest_framework.authtoken"]
SETTINGS = {"USE_TZ": False, "TIME_ZONE": "Europe/Berlin"}
