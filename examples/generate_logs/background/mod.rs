//! The quiet background: what two ordinary accounts log on an ordinary day.
//!
//! Each function plays one small scene from `scene.now` on, and lets its time pass. Sessions are consistent: the access key
//! that a record uses was issued by an earlier record. Nothing here is alarming: no root, no login without MFA, no access
//! key or administrator rights given away, no change of a trust policy, of a trail or of who may read a bucket.

pub(crate) mod compute;
pub(crate) mod people;
pub(crate) mod pipeline;
mod reads;
pub(crate) mod services;

pub(crate) use reads::reads;

use crate::rng::Rng;
use crate::scene::Scene;

/// The name of a bucket of the scene's account.
pub(crate) fn bucket(account: &str, purpose: &str) -> String {
    format!("example-{account}-{purpose}")
}

/// The id of one of the instances of the scene's account and region.
fn instance_id(scene: &Scene, number: u64) -> String {
    let name = format!("{}/{}/{number}", scene.account, scene.region);
    format!("i-0{}", Rng::of_name(&name).hex(16))
}

/// A KMS key of the scene's account and region.
pub(crate) fn kms_key(scene: &Scene) -> String {
    format!("arn:aws:kms:{}:{}:key/2f6e0d4b-7c1a-4b8e-9d35-1a2b3c4d5e6f", scene.region, scene.account)
}

/// The VPC endpoint of workloads in the region.
pub(crate) fn vpc_endpoint(region: &str) -> &'static str {
    match region {
        "us-east-1" => "vpce-0a1b2c3d4e5f60718",
        "eu-west-1" => "vpce-0b2c3d4e5f6071829",
        _ => "vpce-0c3d4e5f60718293a",
    }
}
