"""The Django app `jeton_client.django`: whose row of this project each user of jeton is.

`sub` (and `iss`, where jeton has one) says who somebody is; a name says it only until it is given to somebody else.
So the app keeps links: (issuer, sub) -> a row of AUTH_USER_MODEL. `JETON["USER"]` of "find" and "create" want it.
"""
