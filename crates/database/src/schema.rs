use crate::connection::Dialect;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The migrations of a backend. A released migration must never change, since its checksum is stored. It only adds: when an upgrade
/// fails after a migration, the process of the release before continues to use the tables.
macro_rules! steps {
    ($folder:literal) => {
        [
            ("tables", include_str!(concat!("../migrations/", $folder, "/1_tables.sql"))),
            ("holder", include_str!(concat!("../migrations/", $folder, "/2_holder.sql"))),
            ("deleted_keys", include_str!(concat!("../migrations/", $folder, "/3_deleted_keys.sql"))),
        ]
    };
}

/// Returns the migrator to the newest schema. It refuses a database with migrations that are not listed here.
///
/// It is built without sqlx's macro, whose crate would be built a second time, with all backends, for the compiler.
pub(crate) fn migrator(dialect: Dialect) -> Migrator {
    let steps = match dialect {
        Dialect::Sqlite => steps!("sqlite"),
        Dialect::MySql => steps!("mysql"),
        Dialect::Postgres => steps!("postgres"),
    };
    let migrations = (1..).zip(steps).map(|(version, (name, sql))| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_only_add_tables() {
        for dialect in [Dialect::Sqlite, Dialect::MySql, Dialect::Postgres] {
            for migration in migrator(dialect).iter() {
                let lines =
                    migration.sql.as_str().lines().filter(|line| !line.trim_start().starts_with("--"));
                let text: String = lines.collect();
                let mut statements = text.split(';').map(str::trim).filter(|statement| !statement.is_empty());
                assert!(statements.all(|statement| statement.starts_with("CREATE TABLE ")), "{text}");
            }
        }
    }
}
