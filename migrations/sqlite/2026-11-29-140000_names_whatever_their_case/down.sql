drop index users_email_others;
drop index users_email_folded;
drop index users_username_others;
drop index users_username_folded;
