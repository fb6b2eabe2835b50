drop index users_email_folded;
drop index users_username_folded;
