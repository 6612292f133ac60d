//! What can be typed: every command and flag, and the text of the help.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::FixedOffset;
use clap::{Args, Parser, Subcommand, ValueEnum};
use trailsift::detect::Severity;
use trailsift::summary::By;

use super::input;

/// Offline CloudTrail forensics: reads every log, accounts for every record, and answers what an attacker did.
#[derive(Debug, Parser)]
#[command(
    name = "trailsift",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    before_long_help = "Examples:
  trailsift investigate ./AWSLogs --keys public-keys.json --since 7d --out case-17
  trailsift verify ./AWSLogs --keys public-keys.json --only-bad
  trailsift detect ./AWSLogs --min-severity high --format jsonl
  trailsift sql ./AWSLogs -c 'select event_name, count(*) as n from events group by event_name order by n desc'",
    after_help = "SOURCE is a folder, a file, s3://bucket/prefix, or - for standard input; nothing but S3 is asked for anything.\nNext: trailsift investigate SOURCE"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the logs once, run all rules, write a case folder and print the summary
    Investigate(InvestigateArgs),
    /// Prove by the signed digests which logs are whole, altered, missing or added
    Verify(VerifyArgs),
    /// Run the detection rules and print what they find
    Detect(DetectArgs),
    /// Show how identities changed, who did it, and what the log does not explain
    Drift(DriftArgs),
    /// Show events in the order of time, with the findings that rest on them
    Timeline(TimelineArgs),
    /// Show who was there: one row a principal, address, key or agent
    Summary(SummaryArgs),
    /// Ask a question of your own, in SQL
    Sql(SqlArgs),
    /// List, explain and check detection rules
    Rules(RulesArgs),
    /// Copy evidence out of S3, with the digests' signatures and a manifest
    #[cfg(feature = "s3")]
    Fetch(FetchArgs),
}

impl Command {
    /// `--memory`.
    pub(crate) const fn memory(&self) -> Option<u64> {
        match self {
            Self::Investigate(InvestigateArgs { logs, .. })
            | Self::Detect(DetectArgs { logs, .. })
            | Self::Timeline(TimelineArgs { logs, .. })
            | Self::Summary(SummaryArgs { logs, .. }) => logs.run.memory,
            Self::Drift(DriftArgs { run, .. }) | Self::Sql(SqlArgs { run, .. }) => run.memory,
            Self::Verify(_) | Self::Rules(_) => None,
            #[cfg(feature = "s3")]
            Self::Fetch(_) => None,
        }
    }
}

/// `trailsift investigate`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift investigate ./AWSLogs
  trailsift investigate ./AWSLogs --keys public-keys.json --since 2026-03-01 --until 2026-03-08 --out case-17
  trailsift investigate ./AWSLogs --account 111122223333 --fail-on high --format json -o summary.json",
    after_help = "Next: trailsift detect SOURCE --only ID --wide"
)]
pub(crate) struct InvestigateArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    /// The case folder [default: trailsift-case-<UTC time>]
    ///
    /// It is written under a temporary name and renamed when it is whole. With --force it replaces an earlier case folder.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Write the HTML report here too; the case folder has it as report.html
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Go on from what an interrupted run fetched from S3; the first run needs it too
    ///
    /// What is fetched is kept beside the case until the case is whole, which takes as much room as the bucket's objects do.
    #[cfg(feature = "s3")]
    #[arg(long, requires = "out", help_heading = "S3", hide_short_help = true)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) compare: CompareArgs,
}

/// `trailsift drift`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift drift ./AWSLogs
  trailsift drift ./AWSLogs --baseline monday.json --after friday.json --approved changes.json
  trailsift drift ./AWSLogs --entity arn:aws:iam::111122223333:role/deploy --format json",
    after_help = "Snapshots come from: aws iam get-account-authorization-details\nNext: trailsift timeline SOURCE --event-id ID"
)]
pub(crate) struct DriftArgs {
    /// Folders, files, or - for standard input
    #[arg(value_name = "SOURCE", required = true, help_heading = "Input")]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) compare: CompareArgs,
    /// Only what is still there at the end
    #[arg(long, help_heading = "Filter")]
    pub(crate) net: bool,
    /// Only what concerns this user, role or other entity, as the answer names it (repeatable)
    #[arg(long, value_name = "ARN", help_heading = "Filter")]
    pub(crate) entity: Vec<String>,
    /// Write who could become whom in the end, as a graph in DOT
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) graph: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What identities are compared with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identities")]
pub(crate) struct CompareArgs {
    /// Account authorization details from before the log (JSON)
    ///
    /// Repeatable, for pages and accounts.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Vec<PathBuf>,
    /// Account authorization details from after the log (JSON)
    ///
    /// What the log does not explain is shown. Repeatable, for pages and accounts.
    #[arg(long, value_name = "FILE")]
    pub(crate) after: Vec<PathBuf>,
    /// Take snapshots of which pages are missing: nothing in them is then proof of absence
    #[arg(long, hide_short_help = true)]
    pub(crate) partial_snapshot: bool,
    /// The credential report that was taken with a baseline (CSV; repeatable for accounts)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) credential_report: Vec<PathBuf>,
    /// The state at this time is the baseline; only later changes are shown
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) at: Option<String>,
    /// Changes that were approved (JSON)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) approved: Option<PathBuf>,
    /// Accounts that are one's own, with commas between
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = input::account, hide_short_help = true)]
    pub(crate) trusted_accounts: Vec<String>,
}

/// `trailsift verify`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift verify ./AWSLogs --keys public-keys.json
  trailsift verify ./AWSLogs --keys eu.json --keys us.json --since 2026-03-01 --until 2026-03-08 --only-bad
  trailsift verify ./AWSLogs --heads",
    after_help = "The keys come from: aws cloudtrail list-public-keys --start-time T --end-time T --region R\nNext: trailsift investigate SOURCE --keys FILE"
)]
pub(crate) struct VerifyArgs {
    /// Folders, files or `s3://bucket/prefix`: logs, digests and what is kept beside them
    #[arg(value_name = "SOURCE", required = true, help_heading = "Input")]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Exit with 1 also where something could not be proven
    #[arg(long, help_heading = "Digests")]
    pub(crate) strict: bool,
    /// Show only what is not valid
    #[arg(long, help_heading = "Output")]
    pub(crate) only_bad: bool,
    /// Print the commands that would fetch the signatures and keys that are not here
    #[arg(long, help_heading = "Output")]
    pub(crate) heads: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) run: VerifyRunArgs,
}

/// How `verify` is to run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct VerifyRunArgs {
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Exit with 0, not 3, where something could not be proven
    #[arg(long)]
    pub(crate) allow_problems: bool,
    /// Show no progress
    #[arg(long, hide_short_help = true)]
    pub(crate) no_progress: bool,
}

/// What the digests are held against.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Digests")]
pub(crate) struct TrustArgs {
    /// Public keys, as `aws cloudtrail list-public-keys` prints them (repeatable)
    ///
    /// They are what all trust rests on, so none are taken from among the logs.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Signatures of digests, an object a line with key and signature; signatures.jsonl beside the logs is read by itself
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) signatures: Option<PathBuf>,
    /// Call a file moved that does not lie under its recorded bucket and key; so it is for buckets in any case
    #[arg(long, overrides_with = "no_strict_location", hide_short_help = true)]
    pub(crate) strict_location: bool,
    /// Let files lie under another bucket and prefix, as they do in a copy; so it is for folders in any case
    #[arg(long, overrides_with = "strict_location", hide_short_help = true)]
    pub(crate) no_strict_location: bool,
    /// Ask CloudTrail for the public keys that are missing, and keep them: in the case, or in FILE
    ///
    /// This needs credentials that may call cloudtrail:ListPublicKeys. Give the file to later runs with --keys, and they
    /// ask nobody. [default: trailsift-keys-<UTC time>.json; in the case public-keys.json]
    #[cfg(feature = "s3")]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "no_sign_request", hide_short_help = true)]
    #[expect(clippy::option_option, reason = "without the flag, with it, and with a file")]
    pub(crate) fetch_keys: Option<Option<PathBuf>>,
    /// Account that must have digests (repeatable)
    #[arg(long, value_name = "ID", value_parser = input::account, hide_short_help = true)]
    pub(crate) expect_account: Vec<String>,
    /// Region that must have digests (repeatable)
    #[arg(long, value_name = "REGION", hide_short_help = true)]
    pub(crate) expect_region: Vec<String>,
}

/// `trailsift detect`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift detect ./AWSLogs
  trailsift detect ./AWSLogs --min-severity high --fail-on critical
  trailsift detect ./AWSLogs --rules ./my-rules --set ROOT-004.at_least=5 --format jsonl",
    after_help = "Next: trailsift rules explain ID"
)]
pub(crate) struct DetectArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
}

/// `trailsift timeline`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift timeline ./AWSLogs --only-findings
  trailsift timeline ./AWSLogs --principal user/billing-report --since 2026-03-11
  trailsift timeline ./AWSLogs --event-id 5f33351c-a0b3-4775-b8d1-1759effa9d74 --window 1h",
    after_help = "Next: trailsift sql SOURCE -c \"select * from events where event_id = 'ID'\""
)]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    /// Events of this principal, such as user/ci, and its sessions (repeatable)
    ///
    /// An ARN, or its end from a colon on; the sessions are followed through the roles that they assume.
    #[arg(long, value_name = "ARN", help_heading = "Filter")]
    pub(crate) principal: Vec<String>,
    /// Events from this address (repeatable)
    #[arg(long, value_name = "IP", help_heading = "Filter")]
    pub(crate) source_ip: Vec<String>,
    /// Events of this access key and its sessions (repeatable)
    #[arg(long, value_name = "KEY", help_heading = "Filter")]
    pub(crate) access_key: Vec<String>,
    /// Events around this event
    #[arg(long, value_name = "ID", help_heading = "Filter")]
    pub(crate) event_id: Option<String>,
    /// How far around it
    #[arg(long, value_name = "SPAN", default_value = "15m", requires = "event_id", help_heading = "Filter")]
    pub(crate) window: String,
    /// Only events that a finding rests on
    #[arg(long, help_heading = "Filter")]
    pub(crate) only_findings: bool,
    /// Rows at most [default: 1000 on a terminal, else all]
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(crate) limit: Option<usize>,
}

/// `trailsift summary`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift summary ./AWSLogs
  trailsift summary ./AWSLogs --by source-ip --since 7d
  trailsift summary ./AWSLogs --by access-key --format csv -o keys.csv",
    after_help = "Next: trailsift timeline SOURCE --principal ARN"
)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    /// What a row is about
    #[arg(long, value_enum, default_value_t = SummaryBy::Principal, value_name = "WHAT", help_heading = "Output")]
    pub(crate) by: SummaryBy,
    /// Rows at most [default: 1000 on a terminal, else all]
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(crate) limit: Option<usize>,
}

/// What a row of `trailsift summary` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryBy {
    /// Who called
    Principal,
    /// The address
    SourceIp,
    /// The access key id
    AccessKey,
    /// The program
    UserAgent,
}

impl From<SummaryBy> for By {
    fn from(by: SummaryBy) -> Self {
        match by {
            SummaryBy::Principal => Self::Principal,
            SummaryBy::SourceIp => Self::SourceIp,
            SummaryBy::AccessKey => Self::AccessKey,
            SummaryBy::UserAgent => Self::UserAgent,
        }
    }
}

/// `trailsift sql`.
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift sql --schema
  trailsift sql ./AWSLogs -c \"select event_time, event_name from events where user_type = 'Root' order by event_time\"
  trailsift sql ./AWSLogs --file question.sql --format csv -o answer.csv",
    after_help = "Tables: events, files, digests, findings, users, sessions, iam_changes, iam_state, drift, problems, notices.\nNext: trailsift sql --schema",
    group(clap::ArgGroup::new("statement").required(true).args(["command", "file", "schema"]))
)]
pub(crate) struct SqlArgs {
    /// Folders, files, `s3://bucket/prefix`, or - for standard input
    #[arg(value_name = "SOURCE", required_unless_present = "schema", help_heading = "Input")]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// The statement
    #[arg(short, long, value_name = "SQL", help_heading = "Query")]
    pub(crate) command: Option<String>,
    /// A file that holds the statement, or -
    #[arg(long, value_name = "FILE", help_heading = "Query")]
    pub(crate) file: Option<PathBuf>,
    /// Print every table and column, and read nothing
    #[arg(long, help_heading = "Query")]
    pub(crate) schema: bool,
    /// Rows at most [default: 1000 on a terminal, else all]
    #[arg(long, value_name = "N", help_heading = "Query")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `trailsift rules`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    before_long_help = "Examples:
  trailsift rules list
  trailsift rules explain ROOT-002
  trailsift rules check ./my-rules",
    after_help = "Next: trailsift detect SOURCE --rules PATH"
)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// One line a rule
    #[command(after_help = "Next: trailsift rules explain ID")]
    List {
        #[command(flatten)]
        sources: RuleSources,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Everything about one rule
    #[command(after_help = "Next: trailsift detect SOURCE --only ID")]
    Explain {
        /// The rule's id, such as ROOT-002
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        sources: RuleSources,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Say of each rule file whether it loads, and why not
    #[command(after_help = "Next: trailsift detect SOURCE --rules PATH")]
    Check {
        /// Rule files, or folders of them
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// `trailsift fetch`.
#[cfg(feature = "s3")]
#[derive(Debug, Args)]
#[command(
    before_long_help = "Examples:
  trailsift fetch s3://trail-bucket/AWSLogs/ --to evidence
  trailsift fetch s3://trail-bucket --since 2026-03-01 --until 2026-03-08 --account 111122223333 --to evidence
  trailsift fetch s3://trail-bucket --to evidence --resume",
    after_help = "Next: trailsift verify DIR --strict-location --keys FILE"
)]
pub(crate) struct FetchArgs {
    /// Buckets, or folders in them, as `s3://bucket/prefix` (repeatable)
    #[arg(value_name = "SOURCE", required = true, help_heading = "Input")]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The folder of the copy, a new or empty one; objects lie in it as DIR/BUCKET/KEY
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) to: PathBuf,
    /// Go on with a copy: what is there is hashed again, and what is not there is fetched
    #[arg(long, help_heading = "Output")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Threads that write and check files
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Run")]
    pub(crate) jobs: u16,
    /// Exit with 0, not 3, where an object could not be copied
    #[arg(long, help_heading = "Run")]
    pub(crate) allow_problems: bool,
    /// Show no progress
    #[arg(long, help_heading = "Run", hide_short_help = true)]
    pub(crate) no_progress: bool,
}

/// What every command takes that reads logs and runs rules over them.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    /// Folders, files, `s3://bucket/prefix`, or - for standard input
    #[arg(value_name = "SOURCE", required = true, help_heading = "Input")]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How S3 is reached.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "S3")]
pub(crate) struct AwsArgs {
    /// Profile of the AWS configuration [default: what the environment names]
    #[cfg(feature = "s3")]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) profile: Option<String>,
    /// Address of an S3-compatible store
    #[cfg(feature = "s3")]
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) endpoint_url: Option<String>,
    /// Send no credentials, as for public buckets
    #[cfg(feature = "s3")]
    #[arg(long, hide_short_help = true)]
    pub(crate) no_sign_request: bool,
    /// Pay for the requests, where the bucket's owner asks for that
    #[cfg(feature = "s3")]
    #[arg(long, hide_short_help = true)]
    pub(crate) request_payer: bool,
}

/// Which events to keep.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// Events at or after this time: RFC 3339, a date, or back from now: 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Events before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Events of this account (repeatable)
    #[arg(long, value_name = "ID", value_parser = input::account)]
    pub(crate) account: Vec<String>,
    /// Events of this region (repeatable)
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,
}

/// How and where the answer is written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is typed or not")]
pub(crate) struct OutputArgs {
    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Write the answer to a file; - is standard output
    #[arg(short, value_name = "FILE", long = "output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace what is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Show tables whole, however wide
    #[arg(long)]
    pub(crate) wide: bool,
    /// When to colour
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_short_help = true)]
    pub(crate) color: Color,
    /// Offset of the times in tables: UTC or such as +02:00
    #[arg(long, value_name = "OFFSET", default_value = "UTC", value_parser = input::offset, allow_hyphen_values = true)]
    pub(crate) tz: FixedOffset,
    /// Print nothing on standard error but errors
    #[arg(short, long, help_heading = "Run")]
    pub(crate) quiet: bool,
    /// Print all problems, and what was odd or skipped
    #[arg(short, long, help_heading = "Run", conflicts_with = "quiet", overrides_with = "verbose")]
    pub(crate) verbose: bool,
}

/// How to run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArgs {
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Memory to aim at, such as 2GiB [default: half]
    ///
    /// Half of the machine's, where it is not given.
    #[arg(long, value_name = "LIMIT", value_parser = super::memory::parse)]
    pub(crate) memory: Option<u64>,
    /// Exit with 1 on such a finding, tampering, or unapproved drift
    ///
    /// A severity: a finding as bad as that or worse. invalid: files that the digests prove to be altered, missing or
    /// added. drift: changes of identities that nobody approved.
    #[arg(long, value_name = "LEVEL|invalid|drift")]
    pub(crate) fail_on: Option<FailOn>,
    /// Exit with 0, not 3, where evidence is damaged
    #[arg(long)]
    pub(crate) allow_problems: bool,
    /// Show no progress
    #[arg(long, hide_short_help = true)]
    pub(crate) no_progress: bool,
}

/// What makes a run end with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailOn {
    /// A finding of this severity or worse.
    Severity(Severity),
    /// Files that the digests prove to be altered, missing or added.
    Invalid,
    /// Changes of identities that were not approved.
    Drift,
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("invalid") {
            return Ok(Self::Invalid);
        }
        if text.eq_ignore_ascii_case("drift") {
            return Ok(Self::Drift);
        }
        text.parse().map(Self::Severity).map_err(|error: <Severity as FromStr>::Err| format!("{error}, or invalid or drift"))
    }
}

/// Which rules there are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct RuleSources {
    /// Add a rule file, or a folder of them (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long, hide_short_help = true)]
    pub(crate) no_builtin: bool,
    /// Go on without rules that cannot be loaded
    #[arg(long, hide_short_help = true)]
    pub(crate) skip_bad_rules: bool,
}

/// Which rules to run, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct RuleArgs {
    #[command(flatten)]
    pub(crate) sources: RuleSources,
    /// Run this rule only (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Leave this rule out (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) exclude: Vec<String>,
    /// Show findings of this severity or worse
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) min_severity: Option<Severity>,
    /// Set a rule's parameter (repeatable)
    #[arg(long, value_name = "ID.NAME=VALUE", hide_short_help = true)]
    pub(crate) set: Vec<String>,
    /// List findings about accepted things apart: a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) accept: Option<PathBuf>,
    /// Events before this time are the baseline of first-seen rules
    #[arg(long, value_name = "TIME")]
    pub(crate) baseline_until: Option<String>,
    /// An earlier case is the baseline of first-seen rules
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) baseline_case: Option<PathBuf>,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One document
    Json,
    /// One object a line
    Jsonl,
    /// For spreadsheets
    Csv,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set or TERM is dumb
    Auto,
    /// Also in a pipe or a file
    Always,
    /// Not at all
    Never,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn short_help_fits_a_screen() {
        let names = ["investigate", "verify", "detect", "drift", "timeline", "summary", "sql", "rules"];
        for name in names.into_iter().chain(cfg!(feature = "s3").then_some("fetch")) {
            let mut root = Cli::command();
            let command = root.find_subcommand_mut(name).expect("a command");
            let help = command.render_help().to_string();
            assert!(help.lines().count() <= 50, "{name}: {} lines", help.lines().count());
        }
    }

    #[test]
    fn a_misspelt_flag_finds_its_neighbour() {
        let error = Cli::try_parse_from(["trailsift", "detect", ".", "--min-severty", "high"]).expect_err("no such flag");
        assert!(error.to_string().contains("--min-severity"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn what_a_run_may_fail_on() {
        assert!(Cli::try_parse_from(["trailsift", "detect", ".", "--fail-on", "dri"]).is_err());
        assert!(Cli::try_parse_from(["trailsift", "detect", ".", "--fail-on", "drift"]).is_ok());
        assert!(Cli::try_parse_from(["trailsift", "detect", ".", "--fail-on", "high"]).is_ok());
        assert!(Cli::try_parse_from(["trailsift", "detect", ".", "--fail-on", "invalid"]).is_ok());
    }
}
