use crate::connection::Dialect;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// What a tracker's tables are made of in each backend, step by step. A step that was ever released stays as it is.
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

/// What brings a database up to the newest schema. It refuses one that has seen steps that are not here.
///
/// Made of files without sqlx's macro, whose crate would be built a second time, with all backends, for the compiler.
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
