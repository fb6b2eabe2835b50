-- Logins find users by name whatever its case, and by e-mail address. `nocase` knows A to Z only, in every program that
-- opens the file. Names with other letters are few, and are compared one by one: an index over jeton's own lower() would
-- be wrong after a change by another program.
create index users_username_folded on users (username collate nocase);
create index users_username_others on users (username) where username glob '*[^ -~]*';
create index users_email_folded on users (email collate nocase) where email <> '';
create index users_email_others on users (email) where email glob '*[^ -~]*';
