//! `/admin/`: for staff.

mod audit;
mod audit_list;
mod audit_routes;
mod audit_whole;
mod changing_user;
mod clients;
mod explain;
mod grace;
mod password;
mod password_link;
mod regenerate;
mod regenerate_races;
mod token_end;
mod tokens;
mod user;
mod user_races;
mod users;
mod users_create;
