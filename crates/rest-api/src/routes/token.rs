use crate::app::App;
use crate::auth::{Rights, Token};
use api_contract::v1::{TokenInfo, TokenRights};
use axum::extract::State;
use axum::{Extension, Json};
use control::management::{TorrentAdmission, UserAdmission};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_token))
}

/// What the token of this request is allowed to do, and which parts of the API the configuration turns on
#[utoipa::path(
    get, path = "/api/v1/token", tag = "operation",
    responses((status = 200, description = "The rights and modes", body = TokenInfo)),
)]
async fn get_token(State(app): State<App>, Extension(token): Extension<Token>) -> Json<TokenInfo> {
    let policy = app.tracker.policy();
    Json(TokenInfo {
        token: token.label.to_string(),
        rights: match token.rights {
            Rights::Full => TokenRights::Full,
            Rights::ReadOnly => TokenRights::ReadOnly,
        },
        version: env!("CARGO_PKG_VERSION").into(),
        private: policy.users == UserAdmission::Private,
        listed: policy.torrents == TorrentAdmission::Listed,
        forwarding: app.tracker.forwarding().is_some(),
    })
}
