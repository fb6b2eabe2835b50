-- Logins find users by name whatever its case, and by e-mail address. The database's default collation knows which letters
-- are the same; the order is that of the bytes, so that no new version of the system's collation breaks the index.
create index users_username_folded on users (lower(username collate "default") collate "C");
create index users_email_folded on users (lower(email collate "default") collate "C") where email <> '';
