use crate::connection::Dialect;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The migrations of each backend. A released migration must never change, since its checksum is stored.
macro_rules! steps {
    ($folder:literal) => {
        &[
            ("tables", include_str!(concat!("../migrations/", $folder, "/1_tables.sql"))),
            ("holder", include_str!(concat!("../migrations/", $folder, "/2_holder.sql"))),
            ("deleted_keys", include_str!(concat!("../migrations/", $folder, "/3_deleted_keys.sql"))),
        ]
    };
}

type Steps = &'static [(&'static str, &'static str)];

const SQLITE: Steps = steps!("sqlite");
const MYSQL: Steps = steps!("mysql");
const POSTGRES: Steps = steps!("postgres");

/// Returns the migrator to the newest schema. It refuses a database with migrations that are not listed here.
///
/// It is built without sqlx's macro, whose crate would be built a second time, with all backends, for the compiler.
pub(crate) fn migrator(dialect: Dialect) -> Migrator {
    let steps = match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::MySql => MYSQL,
        Dialect::Postgres => POSTGRES,
    };
    let migrations = (1..).zip(steps).map(|(version, (name, sql))| {
        Migration::new(version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}
