#!/usr/bin/env python3
"""Verifies sealed evidence: a second verifier, written from docs/evidence-format.md.

It uses the standard library only, also for the signatures, and shares nothing with
the program that seals. Prints what is wrong, one finding a line, the file first.

Usage: verify_evidence.py FOLDER PUBLIC_KEY [SEQUENCE:HASH]
Exit code: 0 right, 1 wrong, 2 used wrongly.
"""
import base64, datetime, hashlib, json, os, re, sys

# P-256 (FIPS 186-4, D.1.2.3).
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def add(a, b):
    """Adds points of the curve; None is the point at infinity."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    result = None
    while k:
        if k & 1:
            result = add(result, point)
        point, k = add(point, point), k >> 1
    return result


def public_key(data):
    """Reads SubjectPublicKeyInfo in PEM or DER: the point, and the key's hash."""
    if data.startswith(b"-----"):
        data = base64.b64decode(b"".join(l for l in data.splitlines() if not l.startswith(b"-----")))
    if len(data) != 91 or not data.startswith(SPKI + b"\x04"):
        raise ValueError("the public key is not ECDSA on P-256")
    x, y = int.from_bytes(data[27:59], "big"), int.from_bytes(data[59:], "big")
    if max(x, y) >= P or (y * y - x**3 + 3 * x - B) % P:
        raise ValueError("the public key is no point of P-256")
    return (x, y), hashlib.sha256(data).hexdigest()


def integer(data):
    """Reads a positive INTEGER in minimal DER, and what follows."""
    size = data[1]
    body = data[2:2 + size]
    if data[0] != 2 or size > 33 or size == 0 or len(body) != size or body[0] > 127 or (size > 1 and body[0] == 0 and body[1] < 128):
        raise ValueError
    return int.from_bytes(body, "big"), data[2 + size:]


def signed(manifest, sig, key):
    message = b"licenseguard-evidence 1\n%s\n" % hashlib.sha256(manifest).hexdigest().encode()
    try:
        if sig[0] != 0x30 or sig[1] != len(sig) - 2:
            return False
        r, rest = integer(sig[2:])
        s, rest = integer(rest)
    except (ValueError, IndexError):
        return False
    if rest or not (0 < r < N and 0 < s <= N // 2):
        return False
    z, w = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    point = add(times(z * w % N, G), times(r * w % N, key))
    return point is not None and point[0] % N == r


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(root(leaves[:k]), root(leaves[k:]))


def grow(size, peaks, new):
    peaks = list(peaks)
    while size & 1:
        new, size = node(peaks.pop(), new), size >> 1
    return peaks + [new]


def entry(f):
    text = '{"path":"%s","size":%d,"sha256":"%s"' % (f["path"], f["size"], f["sha256"])
    if "rows" in f:
        spans = ",".join('{"license":"%s","first":%d,"last":%d}' % (s["license"], s["first"], s["last"]) for s in f["revisions"])
        text += ',"rows":%d,"root":"%s","revisions":[%s]' % (f["rows"], f["root"], spans)
        if f.get("groups"):
            text += ',"groups":[%s]' % ",".join('{"group":"%s","licenses":[%s]}' % (g["group"], ",".join('"%s"' % n for n in g["licenses"])) for g in f["groups"])
    return text + "}"


def encode(m):
    return ('{"version":%d,\n"ledger":"%s",\n"sequence":%d,\n"day":"%s",\n"sealed":"%s",\n"previous":"%s",\n"history":[%s],\n"key":"%s",\n"files":[%s\n],\n"root":"%s"}\n' % (
        m["version"], m["ledger"], m["sequence"], m["day"], m["sealed"], m["previous"], ",".join('"%s"' % h for h in m["history"]),
        m["key"], ",".join("\n" + entry(f) for f in m["files"]), m["root"])).encode()


PART = "[A-Za-z0-9][A-Za-z0-9._=-]*"


def decode(data):
    """Reads a manifest, or raises ValueError."""
    try:
        m = json.loads(data)
        if encode(m) != data:
            raise ValueError("it is not written as the format says")
    except (KeyError, TypeError) as e:
        raise ValueError("a field is missing or of another type") from e
    hashes = [m["previous"], m["key"], m["root"], *m["history"]]
    files = m["files"]
    for f in files:
        hashes += [f["sha256"]] + ([f["root"]] if "rows" in f else [])
        if not re.fullmatch("%s(/%s)*" % (PART, PART), f["path"]) or f["path"].startswith("manifests/"):
            raise ValueError("%r is no plain path" % f["path"])
        if f["size"] < 0 or f.get("rows", 1) < 1:
            raise ValueError("a number of %s is too small" % f["path"])
        last = ("", 0)
        for s in f.get("revisions", []):
            if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,99}", s["license"]) or not 0 <= s["first"] <= s["last"]:
                raise ValueError("revisions of %s are none" % f["path"])
            if s["license"] < last[0] or (s["license"] == last[0] and s["first"] <= last[1] + 1):
                raise ValueError("revisions of %s are out of order" % f["path"])
            last = (s["license"], s["last"])
        groups = [g["group"] for g in f.get("groups", [])]
        if groups != sorted(set(groups)) or not all(re.fullmatch("[0-9a-f]{32}", g) for g in groups):
            raise ValueError("groups of %s are none, or out of order" % f["path"])
        for g in f.get("groups", []):
            if not g["licenses"] or g["licenses"] != sorted(g["licenses"]) or not all(re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,99}", n) for n in g["licenses"]):
                raise ValueError("licenses of a group of %s are none, or out of order" % f["path"])
    paths = [f["path"] for f in files]
    if m["version"] != 1:
        raise ValueError("its version is %d" % m["version"])
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._:/ -]{0,199}", m["ledger"]):
        raise ValueError("ledger is no plain name")
    if not all(re.fullmatch("[0-9a-f]{64}", h) for h in hashes):
        raise ValueError("a hash is none")
    if m["sequence"] < 0 or len(m["history"]) != bin(m["sequence"]).count("1"):
        raise ValueError("history does not fit to sequence")
    if paths != sorted(set(paths)):
        raise ValueError("files are out of order")
    datetime.datetime.strptime(m["sealed"], "%Y-%m-%dT%H:%M:%SZ")
    if root([leaf(entry(f).encode()) for f in files]).hex() != m["root"]:
        raise ValueError("root is not that of its files")
    return m


def listing(folder):
    """All files, with whether each is a plain one."""
    found = {}
    for at, folders, names in os.walk(folder):
        for name in names + [d for d in folders if os.path.islink(os.path.join(at, d))]:
            path = os.path.join(at, name)
            found[os.path.relpath(path, folder).replace(os.sep, "/")] = os.path.isfile(path) and not os.path.islink(path)
    return found


def verify(folder, key, key_id, head=None):
    """Yields findings: a file, and what is wrong with it."""
    def read(path):
        with open(os.path.join(folder, path), "rb") as f:
            return f.read()

    files = listing(folder)
    days = sorted({m.group(1) for m in (re.fullmatch(r"manifests/(\d{4}-\d\d-\d\d)\.(json|sig)", p) for p, plain in files.items() if plain) if m})
    if not days:
        yield "manifests/", "there is no manifest"
        return
    named, spans, doubtful = set(), {}, False
    before, right = None, []
    day, end = datetime.date.fromisoformat(days[0]), datetime.date.fromisoformat(days[-1])
    while day <= end:
        path, sig, m = "manifests/%s.json" % day, "manifests/%s.sig" % day, None
        named |= {path, sig}
        if not files.get(path):
            yield path, "the manifest is missing"
        elif not files.get(sig):
            yield sig, "the signature is missing"
        else:
            data = read(path)
            try:
                m = decode(data)
                if m["key"] != key_id:
                    raise ValueError("it names another key")
                if not signed(data, read(sig), key):
                    raise ValueError("it does not fit to its signature " + sig)
                if m["day"] != str(day):
                    raise ValueError("it is the manifest of " + m["day"])
                if before is None and not right and m["sequence"] != 0 and str(day) == days[0]:
                    yield "manifests/%s.json" % (day - datetime.timedelta(1)), "%d days before the first are missing" % m["sequence"]
                    doubtful = True
                if before:
                    old, bytes_of_old = before
                    expected = (old["ledger"], old["sequence"] + 1, hashlib.sha256(bytes_of_old).hexdigest(), [
                        h.hex() for h in grow(old["sequence"], map(bytes.fromhex, old["history"]), leaf(bytes_of_old))])
                    if (m["ledger"], m["sequence"], m["previous"], m["history"]) != expected:
                        raise ValueError("it does not follow the manifest before")
            except ValueError as e:
                m = None
                yield path, str(e)
        doubtful = doubtful or m is None
        before = (m, data) if m else None
        if m:
            right.append((m, data))
        day += datetime.timedelta(1)
    if head and right:
        number, wanted = int(head.split(":")[0]), head.split(":")[1]
        m, _ = right[-1]
        day = datetime.date.fromisoformat(m["day"]) + datetime.timedelta(number - m["sequence"])
        hashes = {m["sequence"]: hashlib.sha256(data).hexdigest() for m, data in right}
        if hashes.get(number) != wanted and not (doubtful and number <= m["sequence"]):
            yield "manifests/%s.json" % day, "it is not there, or not the head " + head
            doubtful = True
    shown = None
    if files.get("disclosure.json"):
        named.add("disclosure.json")
        shown = json.loads(read("disclosure.json"))
        yield from disclosed(shown, [m for m, _ in right], files, named, read, spans)
    for m, _ in right if shown is None else []:
        for f in m["files"]:
            named.add(f["path"])
            for s in f.get("revisions", []):
                spans.setdefault(s["license"], []).append((s["first"], s["last"]))
            if not files.get(f["path"]):
                yield f["path"], "it is missing"
            elif (data := read(f["path"])) is not None and hashlib.sha256(data).hexdigest() != f["sha256"]:
                yield f["path"], "its bytes are not those that were sealed" + row(folder, files, f, data)
    if not doubtful:
        for license, known in sorted(spans.items()):
            reached = None
            for first, last in sorted(known):
                if reached is not None and first > reached + 1:
                    yield "changes/", "license %s: revision %d is missing" % (license, reached + 1)
                reached = max(last, reached or 0)
    for path in sorted(set(files) - named):
        if not doubtful or path.startswith("manifests/"):
            yield path, "no manifest names it"


def disclosed(shown, manifests, files, named, read, spans):
    """Checks a pack that shows some licenses only."""
    licenses, vendors = set(shown.get("licenses", [])), {}
    if shown.get("version") != 1 or not licenses:
        yield "disclosure.json", "it does not say which licenses are shown"
    for f in (f for m in manifests for f in m["files"]):
        for g in f.get("groups", []):
            for name in set(g["licenses"]) - licenses if g["group"] in shown.get("groups", []) else ():
                yield f["path"], "license %s is left out" % name
        own = [s for s in f.get("revisions", []) if s["license"] in licenses]
        path, proof = f["path"], f["path"] + ".proof"
        if not own:
            if "rows" not in f and files.get(path):
                named.add(path)
                if hashlib.sha256(read(path)).hexdigest() != f["sha256"]:
                    yield path, "its bytes are not those that were sealed"
            continue
        named |= {path, proof}
        if not files.get(path) or not files.get(proof):
            yield path, "it is missing"
            continue
        data, text = read(path), read(proof)
        lines = data.split(b"\n")
        try:
            if proven(lines[:-1], text, f["rows"]) != f["root"] or lines[-1]:
                raise ValueError("root")
        except ValueError:
            yield path, "its rows and their proof do not give the root that was signed"
            continue
        commits = {}
        for r in map(json.loads, lines[:-1]):
            commits.setdefault((r["license_configuration_id"], r["revision"]), []).append(r)
            if r["license_configuration_id"] not in licenses:
                yield path, "it shows rows of %s, which is not claimed" % r["license_configuration_id"]
            if (r.get("vendor") or r.get("group")) and not any(g["group"] == r.get("group") and r["license_configuration_id"] in g["licenses"] for g in f.get("groups", [])):
                yield path, "the group of a row is not the one that the manifest tells"
            if r.get("group") and vendors.setdefault(r["group"], r.get("vendor")) != r.get("vendor"):
                yield path, "a group is of two vendors"
        for s in own:
            spans.setdefault(s["license"], []).append((s["first"], s["last"]))
            for revision in range(s["first"], s["last"] + 1):
                there = commits.get((s["license"], revision), [])
                if not there or not set(range(1, there[0].get("commit_rows", 0) + 1)) <= {r.get("commit_row") for r in there}:
                    yield path, "license %s, revision %d: rows are left out" % (s["license"], revision)
    claimed = shown.get("groups", [])
    whole = {vendors.get(g) for g in claimed}
    if None in whole:
        yield "disclosure.json", "it claims a vendor of which no row is there"
    if any(vendor in whole and g not in claimed for g, vendor in vendors.items()):
        yield "disclosure.json", "a vendor that it claims has a group that it does not claim"


def proven(rows, text, size):
    """The root of a tree of which some leaves are shown, as hexadecimal digits."""
    first, *rest = text.decode("ascii").split("\n")
    places = []
    for part in first.split(","):
        low, _, high = part.partition("-")
        places += range(int(low) - 1, int(high or low))
    hashes = [bytes.fromhex(h) for h in rest[:-1]]
    if rest[-1:] != [""] or text != text.strip() + b"\n" or places != sorted(set(places)) or len(places) != len(rows) or not places or not 0 <= places[0] <= places[-1] < size:
        raise ValueError("the proof is none")
    if any(len(h) != 32 or h.hex() != t for h, t in zip(hashes, rest)):
        raise ValueError("a hash is none")
    leaves = dict(zip(places, map(leaf, rows)))

    def walk(low, high, inside):
        if not inside:
            if not hashes:
                raise ValueError("a hash is missing")
            return hashes.pop(0)
        if high - low == 1:
            return leaves[low]
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        left = walk(low, middle, [p for p in inside if p < middle])
        return hashlib.sha256(b"\1" + left + walk(middle, high, [p for p in inside if p >= middle])).digest()

    out = walk(0, size, places).hex()
    if hashes:
        raise ValueError("hashes are left")
    return out


def row(folder, files, f, data):
    """Names the first row that differs, by the leaf hashes beside the log."""
    if "rows" not in f or not files.get(f["path"] + ".leaves"):
        return ""
    with open(os.path.join(folder, f["path"] + ".leaves"), "rb") as leaves:
        hashes = leaves.read()
    want = [hashes[i:i + 32] for i in range(0, len(hashes), 32)]
    if root(want).hex() != f["root"]:
        return ""
    rows = data.split(b"\n")
    got = [leaf(r) for r in (rows if rows[-1] else rows[:-1])]
    same = 0
    while same < min(len(got), len(want)) and got[same] == want[same]:
        same += 1
    return ": row %d" % (same + 1)


def main(args):
    if len(args) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(args[1], "rb") as f:
            key, key_id = public_key(f.read())
    except (OSError, ValueError) as e:
        print(e, file=sys.stderr)
        return 2
    if os.path.commonpath([os.path.realpath(args[0]), os.path.realpath(args[1])]) == os.path.realpath(args[0]):
        print("the key lies in the evidence that it is to prove", file=sys.stderr)
        return 2
    wrong = 0
    for path, what in verify(args[0], key, key_id, *args[2:]):
        print("%s\t%s" % (ascii(path)[1:-1], what))
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
