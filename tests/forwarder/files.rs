//! Files out of a folder: RFC 9110, 8.8, 13 and 14.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::asking::*;
use crate::harness::*;

struct Served {
    folder: TempDir,
    site: Site,
}

impl Served {
    /// `options` stand beside the root.
    fn new(options: &str) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("www");
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        for (name, text) in [
            ("index.html", "<h1>index"),
            ("a.txt", "0123456789"),
            ("sub/index.html", "<h1>sub"),
            ("sub/style.css", "p{}"),
            ("sub/style.css.gz", "gzipped"),
            ("sub/style.css.br", "brotlied"),
            (".hidden", "hidden"),
            ("with space.txt", "space"),
        ] {
            fs::write(root.join(name), text).unwrap();
        }
        let root = root.display();
        let routes = format!("[[forwarder.route]]\nfiles = {{ root = \"{root}\"{options} }}\n");
        Served {
            site: site(&routes, &[1]),
            folder,
        }
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("www")
    }
}

#[test]
fn files_are_sent_with_what_is_known_of_them() {
    let served = Served::new("");
    for (target, body, media) in [
        ("/", "<h1>index", "text/html; charset=utf-8"),
        ("/a.txt?x", "0123456789", "text/plain; charset=utf-8"),
        ("/sub/", "<h1>sub", "text/html; charset=utf-8"),
        ("/sub/style.css", "p{}", "text/css; charset=utf-8"),
        ("/with%20space.txt", "space", "text/plain; charset=utf-8"),
    ] {
        let answer = get(&served.site, target);
        let got = (answer.status, answer.text(), answer.value("content-type"));
        assert_eq!(got, (200, body.to_owned(), media), "{target}");
        assert_eq!(answer.value("content-length"), body.len().to_string());
        assert_eq!(answer.value("accept-ranges"), "bytes");
        assert!(answer.value("etag").starts_with('"') && !answer.value("last-modified").is_empty());
        let head = ask(&served.site, "HEAD", target, "");
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        assert_eq!(head.value("content-length"), answer.value("content-length"));
        assert_eq!(head.value("etag"), answer.value("etag"));
    }
    let folder = get(&served.site, "/sub?x");
    assert_eq!((folder.status, folder.value("location")), (301, "/sub/?x"));
    let post = ask(&served.site, "DELETE", "/a.txt", "");
    assert_eq!((post.status, post.value("allow")), (405, "GET, HEAD"));
}

#[test]
fn a_folder_below_a_prefix_is_a_folder_by_its_slash() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<h1>index").unwrap();
    let site = site(
        &format!(
            "[[forwarder.route]]\npath = \"/static\"\nrewrite = {{ strip_prefix = \"/static\" }}\n\
             files = \"{}\"\n",
            folder.path().display()
        ),
        &[1],
    );
    let bare = get(&site, "/static?x");
    assert_eq!((bare.status, bare.value("location")), (301, "/static/?x"));
    assert_eq!(get(&site, "/static/").text(), "<h1>index");
}

#[test]
fn nothing_out_of_the_root_and_nothing_hidden_is_there() {
    let served = Served::new("");
    let root = served.root();
    symlink(served.folder.path().join("secret"), root.join("absolute")).unwrap();
    symlink("../secret", root.join("relative")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("a.txt", root.join("within.txt")).unwrap();
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for target in [
        "/../secret",
        "/%2e%2e/secret",
        "/sub/../../secret",
        "/absolute",
        "/relative",
        "/up/secret",
        "/.hidden",
        "/%2ehidden",
        "/sub/deep/",
        "/a.txt/",
        "/a.txt/x",
        "/missing",
        "/pipe",
        "/sub%2Fstyle.css",
        "/%FF",
    ] {
        let answer = get(&served.site, target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.text().contains("secret"), "{target}");
    }
    assert_eq!(get(&served.site, "/..%2fsecret").status, 400);
    assert_eq!(get(&served.site, "/within.txt").text(), "0123456789");
}

#[test]
fn rfc9110_14_ranges_are_parts() {
    let served = Served::new("");
    for (range, status, body, part) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=8-", 206, "89", "bytes 8-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=5-99", 206, "56789", "bytes 5-9/10"),
        (
            "bytes=10-",
            416,
            "416 the file has no such range\n",
            "bytes */10",
        ),
        ("bytes=0-1,4-5", 200, "0123456789", ""),
        ("bytes=x", 200, "0123456789", ""),
        ("items=0-1", 200, "0123456789", ""),
    ] {
        let answer = ask(
            &served.site,
            "GET",
            "/a.txt",
            &format!("Range: {range}\r\n"),
        );
        let got = (answer.status, answer.text(), answer.value("content-range"));
        assert_eq!(got, (status, body.to_owned(), part), "{range}");
    }
    // 14.2: of GET only.
    let head = ask(&served.site, "HEAD", "/a.txt", "Range: bytes=0-3\r\n");
    assert_eq!((head.status, head.value("content-length")), (200, "10"));
}

#[test]
fn rfc9110_13_conditions_are_asked_in_their_order() {
    let served = Served::new("");
    let plain = get(&served.site, "/a.txt");
    let (etag, modified) = (plain.value("etag"), plain.value("last-modified"));
    for (fields, status) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-None-Match: W/{etag}, \"x\""), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        (format!("If-Modified-Since: {modified}"), 304),
        (
            format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {modified}"),
            200,
        ),
        ("If-Match: \"x\"".to_owned(), 412),
        (format!("If-Match: {etag}"), 200),
        (
            "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT".to_owned(),
            412,
        ),
        (format!("If-Range: {etag}\r\nRange: bytes=0-1"), 206),
        (format!("If-Range: {modified}\r\nRange: bytes=0-1"), 206),
        ("If-Range: \"x\"\r\nRange: bytes=0-1".to_owned(), 200),
    ] {
        let answer = ask(&served.site, "GET", "/a.txt", &format!("{fields}\r\n"));
        assert_eq!(answer.status, status, "{fields}");
        if status == 304 {
            assert_eq!((answer.value("etag"), answer.body.len()), (etag, 0));
            assert!(values(&answer.head, "content-type").is_empty());
        }
    }
    fs::write(served.root().join("a.txt"), "changed").unwrap();
    assert_ne!(get(&served.site, "/a.txt").value("etag"), etag);
}

#[test]
fn what_is_compressed_already_is_sent_to_those_who_take_it() {
    let served = Served::new(", precompressed = true");
    let plain = get(&served.site, "/sub/style.css");
    assert_eq!(
        (plain.text(), plain.value("vary")),
        ("p{}".to_owned(), "Accept-Encoding")
    );
    for (accepts, body, coding) in [
        ("gzip, br", "brotlied", "br"),
        ("gzip", "gzipped", "gzip"),
        ("br;q=0.5, gzip", "gzipped", "gzip"),
        ("deflate", "p{}", ""),
    ] {
        let fields = format!("Accept-Encoding: {accepts}\r\n");
        let answer = ask(&served.site, "GET", "/sub/style.css", &fields);
        let got = (answer.text(), answer.value("content-encoding"));
        assert_eq!(got, (body.to_owned(), coding), "{accepts}");
        assert_eq!(answer.value("content-type"), "text/css; charset=utf-8");
        assert_eq!(
            answer.value("etag") == plain.value("etag"),
            coding.is_empty()
        );
    }
    let other = ask(&served.site, "GET", "/a.txt", "Accept-Encoding: br\r\n");
    assert_eq!(other.text(), "0123456789");
}

#[test]
fn a_fallback_is_what_is_not_there_and_dot_files_are_there_if_wanted() {
    let served = Served::new(", fallback = \"index.html\", dot_files = true, index = []");
    assert_eq!(get(&served.site, "/app/route").text(), "<h1>index");
    assert_eq!(get(&served.site, "/.hidden").text(), "hidden");
    assert_eq!(get(&served.site, "/sub/").text(), "<h1>index");
}

#[test]
fn long_files_come_whole_and_one_that_shrinks_breaks_off() {
    let served = Served::new("");
    let long: Vec<u8> = (0..3_000_000u32)
        .map(|number| (number % 251) as u8)
        .collect();
    fs::write(served.root().join("long"), &long).unwrap();
    assert!(get(&served.site, "/long").body == long);
    let part = ask(
        &served.site,
        "GET",
        "/long",
        "Range: bytes=100000-299999\r\n",
    );
    assert!(part.body == long[100_000..300_000]);

    // More than what is on its way in the kernel, so that some of it is still to be read.
    let name = served.root().join("shrinking");
    grow(&name, 64 << 20);
    let mut client = served.site.connect();
    client.send("GET /shrinking HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(status(&client.head()), 200);
    grow(&name, 0);
    let mut rest = Vec::new();
    let _ = client.0.read_to_end(&mut rest);
    assert!(rest.len() < 64 << 20);
}

fn grow(name: &Path, len: u64) {
    let file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(name);
    file.unwrap().set_len(len).unwrap();
}
