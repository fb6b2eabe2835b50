"""The version of this package, which it also says to jeton."""

VERSION = "0.1.0"
USER_AGENT = f"jeton-client/{VERSION}"
