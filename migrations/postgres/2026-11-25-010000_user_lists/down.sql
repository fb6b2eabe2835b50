drop index if exists users_search;
drop index users_inactive;
drop index users_superusers;
drop index users_staff;
drop index users_date_joined;
