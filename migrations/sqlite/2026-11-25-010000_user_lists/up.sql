-- Lists of users (store/users/list.rs), among a million of them.
create index users_date_joined on users (date_joined, id);
create index users_staff on users (id) where is_staff;
create index users_superusers on users (id) where is_superuser;
create index users_inactive on users (id) where not is_active;

-- For searches PostgreSQL has an index too; here they read the whole table.
