//! `ua_family`: the tool and the system that `userAgent` names.
//!
//! The form is `tool/system`: the tool is one of [`Tool`]'s names (a browser is
//! `browser Chrome`, a name that is not listed is `other`), the system is `Linux`,
//! `Windows`, `macOS`, `kali`, `parrot` or `unknown`. So `aws-cli/Linux`,
//! `browser Chrome/Windows`, `other/unknown`. Where AWS's own servers made the call
//! the system would be theirs and says nothing about the caller: `console/unknown`
//! and `CloudFormation/unknown` always end so, `aws-internal` and `aws-service` stand alone.
//!
//! A name counts in any case where it begins a word (`exec-env/x`, `GOOS#linux`), and
//! the first one counts: `aws-cli/1.18 ... botocore/1.17` is the command line.

use std::cell::RefCell;

use memchr::memchr2_iter;

use super::super::Event;
use super::{ends_with, starts_with};
use crate::schema::Column;

/// What the text of an agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Agent {
    family: &'static str,
    console: Console,
}

/// Whether an agent is a console's, as `from_console` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Console {
    Yes,
    /// Only together with a session: other programs have this agent too.
    InSession,
    No,
}

/// Sets `ua_family`, and yields whether the agent is a console's.
pub(super) fn set(event: &mut Event<'_>) -> bool {
    let Some(agent) = event.text(Column::UserAgent).map(recall) else { return false };
    event.set_text(Column::UaFamily, agent.family);
    match agent.console {
        Console::Yes => true,
        Console::InSession => event.has(Column::SessionCreationTime),
        Console::No => false,
    }
}

/// [`read`], remembered: logs repeat few agents, and reading one costs more than all other columns together.
fn recall(text: &str) -> Agent {
    type Slot = Option<(Box<str>, Agent)>;
    const SLOTS: usize = 64;
    const LONGEST: usize = 1_024;
    thread_local! {
        /// The last agent of each length.
        static SEEN: RefCell<Vec<Slot>> = RefCell::new(vec![None; SLOTS]);
    }
    let remembered = SEEN.try_with(|seen| {
        let mut seen = seen.try_borrow_mut().ok()?;
        let slot = seen.get_mut(text.len() % SLOTS)?;
        match slot {
            Some((known, agent)) if **known == *text => Some(*agent),
            _ => {
                let agent = read(text);
                // CloudTrail cuts agents there: a longer one is not worth keeping.
                if text.len() <= LONGEST {
                    *slot = Some((text.into(), agent));
                }
                Some(agent)
            }
        }
    });
    remembered.ok().flatten().unwrap_or_else(|| read(text))
}

fn read(text: &str) -> Agent {
    let text = unbracketed(text);
    Agent { family: family(text), console: console(text) }
}

fn console(text: &str) -> Console {
    if text.eq_ignore_ascii_case("console.amazonaws.com")
        || text.eq_ignore_ascii_case("signin.amazonaws.com")
        || starts_with(text, "S3Console/")
        || names_ec2_console(text)
    {
        Console::Yes
    } else if starts_with(text, "Coral/Netty") {
        Console::InSession
    } else {
        Console::No
    }
}

fn names_ec2_console(text: &str) -> bool {
    const NAME: &[u8] = b"EC2ConsoleFrontend";
    // The rarest letter of the name in real agents is its F, the eleventh.
    memchr2_iter(b'F', b'f', text.as_bytes()).any(|at| {
        let found = at.checked_sub(10).and_then(|start| text.as_bytes().get(start..start + NAME.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(NAME))
    })
}

macro_rules! tools {
    ($($tool:ident $name:literal;)*) => {
        /// A tool of which the system is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        enum Tool {
            $($tool),*
        }

        impl Tool {
            /// The family of this tool on that system.
            const fn on(self, system: System) -> &'static str {
                match self {
                    $(Self::$tool => match system {
                        System::Linux => concat!($name, "/Linux"),
                        System::Windows => concat!($name, "/Windows"),
                        System::MacOs => concat!($name, "/macOS"),
                        System::Kali => concat!($name, "/kali"),
                        System::Parrot => concat!($name, "/parrot"),
                        System::Unknown => concat!($name, "/unknown"),
                    }),*
                }
            }
        }
    };
}

// Browsers in the order in which a name hides the ones after it: Edge calls itself Chrome and Safari too.
tools! {
    Edge "browser Edge";
    Opera "browser Opera";
    Firefox "browser Firefox";
    Chrome "browser Chrome";
    Safari "browser Safari";
    InternetExplorer "browser Internet Explorer";
    Browser "browser unknown";
    AwsCli "aws-cli";
    AwsInternal "aws-internal";
    Boto3 "boto3";
    Botocore "botocore";
    CloudFormation "CloudFormation";
    Console "console";
    Curl "curl";
    Cyberduck "Cyberduck";
    Other "other";
    Pulumi "Pulumi";
    PythonRequests "python-requests";
    Rclone "rclone";
    S3Browser "S3 Browser";
    SdkGo "aws-sdk-go";
    SdkJava "aws-sdk-java";
    SdkJs "aws-sdk-js";
    SdkNet "aws-sdk-net";
    SdkPhp "aws-sdk-php";
    SdkRuby "aws-sdk-ruby";
    SdkRust "aws-sdk-rust";
    Terraform "Terraform";
    WinScp "WinSCP";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Linux,
    Windows,
    MacOs,
    Kali,
    Parrot,
    Unknown,
}

/// Old records have the agent in square brackets.
fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[').map_or(text, |inner| inner.strip_suffix(']').unwrap_or(inner))
}

fn family(text: &str) -> &'static str {
    if let Some(service) = aws_service(text) {
        return service;
    }
    let browser = starts_with(text, "Mozilla");
    let mut tool = browser.then_some(Tool::Browser);
    let mut system = None;
    for word in words(text.as_bytes()) {
        if browser {
            tool = tool.min(browser_at(word).or(tool));
        } else if tool.is_none() {
            tool = tool_at(word);
            match tool {
                Some(Tool::AwsInternal) => return "aws-internal",
                Some(Tool::Console | Tool::CloudFormation) => break,
                _ => {}
            }
        }
        match system {
            None => system = system_at(word),
            // The distribution stands behind the kernel's name: `Linux/5.10.0-kali7-amd64`.
            Some(System::Linux) => system = distribution_at(word).or(system),
            Some(_) if !browser && tool.is_some() => break,
            Some(_) => {}
        }
    }
    let system = system.filter(|_| !matches!(tool, Some(Tool::Console | Tool::CloudFormation)));
    tool.unwrap_or(Tool::Other).on(system.unwrap_or(System::Unknown))
}

/// The family of an agent by which AWS names one of its own services.
fn aws_service(text: &str) -> Option<&'static str> {
    if text.eq_ignore_ascii_case("AWS Internal") {
        return Some("aws-internal");
    }
    if starts_with(text, "AWS ") && ends_with(text, " Console") {
        return Some(Tool::Console.on(System::Unknown));
    }
    if !ends_with(text, ".amazonaws.com") || text.contains(' ') {
        return None;
    }
    Some(if starts_with(text, "console.") || starts_with(text, "signin.") {
        Tool::Console.on(System::Unknown)
    } else if starts_with(text, "cloudformation.") {
        Tool::CloudFormation.on(System::Unknown)
    } else {
        "aws-service"
    })
}

/// The rest of the text from each word's first letter on; a word is a run of letters.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut inside = false;
    text.iter().enumerate().filter_map(move |(at, letter)| {
        let begins = letter.is_ascii_alphabetic() && !inside;
        inside = letter.is_ascii_alphabetic();
        if begins { text.get(at..) } else { None }
    })
}

/// The tool that is named here; more letters behind the name make it another one.
fn tool_at(word: &[u8]) -> Option<Tool> {
    let known: &[(&str, Tool)] = match word.first()?.to_ascii_lowercase() {
        b'a' => return if begins(word, "aws-") { aws_tool(word) } else { None },
        b'b' => &[("boto3", Tool::Boto3), ("botocore", Tool::Botocore)],
        b'c' => &[("curl", Tool::Curl), ("cyberduck", Tool::Cyberduck), ("cloudformation", Tool::CloudFormation)],
        b'e' => &[("ec2consolefrontend", Tool::Console)],
        b'p' => &[("pulumi", Tool::Pulumi), ("python-requests", Tool::PythonRequests)],
        b'r' => &[("rclone", Tool::Rclone)],
        b's' => &[("s3console", Tool::Console), ("s3 browser", Tool::S3Browser)],
        b't' => &[("terraform", Tool::Terraform)],
        b'w' => &[("winscp", Tool::WinScp)],
        _ => return None,
    };
    whole_word(word, known)
}

fn aws_tool(word: &[u8]) -> Option<Tool> {
    // JavaScript's second version calls itself nodejs, .NET's kits dotnet.
    const KNOWN: [(&str, Tool); 11] = [
        ("aws-cli", Tool::AwsCli),
        ("aws-internal", Tool::AwsInternal),
        ("aws-sdk-go", Tool::SdkGo),
        ("aws-sdk-java", Tool::SdkJava),
        ("aws-sdk-js", Tool::SdkJs),
        ("aws-sdk-nodejs", Tool::SdkJs),
        ("aws-sdk-rust", Tool::SdkRust),
        ("aws-sdk-php", Tool::SdkPhp),
        ("aws-sdk-ruby", Tool::SdkRuby),
        ("aws-sdk-net", Tool::SdkNet),
        ("aws-sdk-dotnet", Tool::SdkNet),
    ];
    whole_word(word, &KNOWN)
}

fn whole_word(word: &[u8], known: &[(&str, Tool)]) -> Option<Tool> {
    let ends = |name: &str| !word.get(name.len()).is_some_and(u8::is_ascii_alphabetic);
    known.iter().find(|(name, _)| begins(word, name) && ends(name)).map(|(_, tool)| *tool)
}

fn browser_at(word: &[u8]) -> Option<Tool> {
    let known: &[(&str, Tool)] = match word.first()?.to_ascii_lowercase() {
        b'c' => &[("chrome", Tool::Chrome), ("crios", Tool::Chrome)],
        b'e' => &[("edg", Tool::Edge)],
        b'f' => &[("firefox", Tool::Firefox), ("fxios", Tool::Firefox)],
        b'h' => &[("headlesschrome", Tool::Chrome)],
        b'm' => &[("msie", Tool::InternetExplorer)],
        b'o' => &[("opr", Tool::Opera), ("opera", Tool::Opera)],
        b's' => &[("safari", Tool::Safari)],
        b't' => &[("trident", Tool::InternetExplorer)],
        _ => return None,
    };
    known.iter().find(|(name, _)| begins(word, name)).map(|(_, tool)| *tool)
}

fn system_at(word: &[u8]) -> Option<System> {
    let known: &[(&str, System)] = match word.first()?.to_ascii_lowercase() {
        b'd' => &[("darwin", System::MacOs)],
        // A telephone says `like Mac OS X` further on.
        b'i' => &[("iphone", System::Unknown), ("ipad", System::Unknown)],
        b'k' => &[("kali", System::Kali)],
        b'l' => &[("linux", System::Linux)],
        b'm' => &[("macintosh", System::MacOs), ("macos", System::MacOs), ("mac os", System::MacOs), ("mac_os", System::MacOs)],
        b'p' => &[("parrot", System::Parrot)],
        b'w' => &[("windows", System::Windows), ("win32", System::Windows)],
        _ => return None,
    };
    known.iter().find(|(name, _)| begins(word, name)).map(|(_, system)| *system)
}

fn distribution_at(word: &[u8]) -> Option<System> {
    system_at(word).filter(|system| matches!(system, System::Kali | System::Parrot))
}

fn begins(word: &[u8], name: &str) -> bool {
    word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_of_real_agents() {
        for (text, wanted) in [
            ("aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#0.0.0.0-microsoft-standard-WSL2 md/arch#x86_64", "aws-cli/Linux"),
            ("[aws-cli/1.18.136 Python/3.8.5 Darwin/19.5.0 botocore/1.17.59]", "aws-cli/macOS"),
            ("aws-cli/2.15.59 md/awscrt#0.19.19 ua/2.0 os/macos#22.6.0 md/arch#arm64", "aws-cli/macOS"),
            ("aws-cli/2.4.5 Python/3.8.8 Windows/10 exe/AMD64 prompt/off", "aws-cli/Windows"),
            ("aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0-kali5-amd64 source/x86_64.kali.2023", "aws-cli/kali"),
            ("aws-cli/2.9.19 Python/3.9.11 Linux/6.1.0 exe/x86_64.kali.2023", "aws-cli/kali"),
            ("Boto3/1.21 Python/3.9.2 Linux/5.18.0-14parrot1-amd64 Botocore/1.24", "boto3/parrot"),
            ("aws-cli/2.13.0", "aws-cli/unknown"),
            ("[Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165]", "boto3/Linux"),
            ("Botocore/1.29.165 Python/3.10.6", "botocore/unknown"),
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io) terraform-provider-aws/3.76.1 aws-sdk-go/1.44 (go1.17; linux; amd64)",
                "Terraform/Linux",
            ),
            ("APN/1.0 Pulumi/1.0 PulumiAws/6.0", "Pulumi/unknown"),
            ("aws-sdk-go/1.4.14 (go1.11.4; darwin; amd64)", "aws-sdk-go/macOS"),
            ("aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.1 md/GOOS#linux", "aws-sdk-go/Linux"),
            ("aws-sdk-java/2.17 Mac_OS_X/10.15 OpenJDK", "aws-sdk-java/macOS"),
            ("aws-sdk-nodejs/2.1 win32/v14.0 promise", "aws-sdk-js/Windows"),
            ("aws-sdk-js/3.2 os/win32#10 lang/js", "aws-sdk-js/Windows"),
            ("aws-sdk-rust/1.3 os/linux lang/rust/1.66", "aws-sdk-rust/Linux"),
            ("aws-sdk-php/3.2 OS/Linux/5.4", "aws-sdk-php/Linux"),
            ("aws-sdk-ruby3/3.1 ruby/2.7 x86_64-linux", "aws-sdk-ruby/Linux"),
            ("aws-sdk-dotnet-coreclr/3.7 OS/Microsoft_Windows_10.0", "aws-sdk-net/Windows"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0 Safari/537.36",
                "browser Chrome/macOS",
            ),
            ("[Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0]", "browser Firefox/Linux"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0", "browser Edge/Windows"),
            ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 OPR/106.0", "browser Opera/Windows"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605 Version/17.0 Safari/605", "browser Safari/macOS"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "browser Safari/unknown"),
            ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "browser Internet Explorer/Windows"),
            ("Mozilla", "browser unknown/unknown"),
            ("console.amazonaws.com", "console/unknown"),
            ("console.ec2.amazonaws.com", "console/unknown"),
            ("signin.amazonaws.com", "console/unknown"),
            ("AWS CloudWatch Console", "console/unknown"),
            ("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.1002 Linux/5.4.129]", "console/unknown"),
            ("EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.11.1030 Linux/5.4.122", "console/unknown"),
            ("cloudformation.amazonaws.com", "CloudFormation/unknown"),
            ("AWS Internal", "aws-internal"),
            ("aws-internal/3 aws-sdk-java/1.11.997 Linux/5.4.116", "aws-internal"),
            ("AWSCloudTrail, aws-internal/3 aws-sdk-java/1.11.991 Linux/5.4.116", "aws-internal"),
            ("delivery.logs.amazonaws.com", "aws-service"),
            ("secretsmanager.amazonaws.com", "aws-service"),
            ("S3 Browser/10.0.9 (https://s3browser.com)", "S3 Browser/unknown"),
            ("Cyberduck/8.4.2 (Mac OS X/12.5) (x86_64)", "Cyberduck/macOS"),
            ("WinSCP/5.21.5 neon/0.32.2", "WinSCP/unknown"),
            ("rclone/v1.60", "rclone/unknown"),
            ("curl/7.86.0", "curl/unknown"),
            ("python-requests/2.28.1", "python-requests/unknown"),
            ("AWS-CLI/2.0 LINUX/5", "aws-cli/Linux"),
            ("stratus-red-team_5c59eb79-6dac-405c-a4c4-e19aec03c666", "other/unknown"),
            ("Apache-HttpClient/UNAVAILABLE (Java/1.8.0_252)", "other/unknown"),
            ("awslambda-worker/1.0 rusoto/0.47.0 rust/1.55.0 linux", "other/Linux"),
            ("curly/1.0", "other/unknown"),
            ("", "other/unknown"),
        ] {
            assert_eq!(read(text).family, wanted, "{text}");
            assert_eq!((recall(text), recall(text)), (read(text), read(text)), "{text}");
        }
    }
}
