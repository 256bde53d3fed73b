package compact

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/publish"
)

// Store is the report bucket. List returns the keys that begin with a prefix, in order.
// Put replaces what is there.
type Store interface {
	List(ctx context.Context, prefix string) ([]string, error)
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, body []byte, contentType string) error
}

// Codec writes and reads rows in the form that Athena reads.
type Codec interface {
	Encode(rows []publish.Row) ([]byte, error)
	Decode(body []byte) ([]publish.Row, error)
}

// finished is how long after its end a day is taken as complete: the stream keeps what
// could not be published for a day.
const finished = 25 * time.Hour

// longestLine bounds a line of the log; its longest text is an explanation.
const longestLine = 1 << 20

// ErrUnfinished is returned for a day to which rows may still come.
var ErrUnfinished = errors.New("the day is not finished: rows may come for 25 hours after its end")

// Compactor compacts days of the change log.
type Compactor struct {
	Store Store
	Codec Codec
	Now   func() time.Time
	// Accounts and Regions are those that have folders of their own; empty: all.
	Accounts, Regions []string
}

// Manifest says what a day was made of. A day without one must not be relied on.
type Manifest struct {
	Day     string
	Sources int            // files of the log
	Digest  string         // SHA-256 of their names and bodies
	Rows    int            // each once
	Files   map[string]int // key to rows
}

// lookBack is how many days back Run looks: those before are for a person to ask for.
const lookBack = 31

// Run compacts each finished day of the last month that has a log and is not done. A day
// that fails leaves the others alone and is tried again with the next run.
func (c *Compactor) Run(ctx context.Context) (done []Manifest, failed error) {
	today := c.Now().UTC().Truncate(24 * time.Hour)
	for n := lookBack; n > 0; n-- {
		m, err := c.undone(ctx, today.AddDate(0, 0, -n))
		if err != nil {
			failed = errors.Join(failed, err)
		} else if m.Sources > 0 {
			done = append(done, m)
		}
	}
	return done, failed
}

// undone compacts a day that is finished, has no manifest and has a log; of any other the
// manifest is empty.
func (c *Compactor) undone(ctx context.Context, day time.Time) (Manifest, error) {
	partition := config.DatePartition + "=" + day.Format(config.DatePartitionLayout) + "/"
	if !c.finished(day) {
		return Manifest{}, nil
	}
	done, err := c.Store.List(ctx, config.PrefixHistory+partition+manifestName)
	if err != nil || len(done) > 0 {
		return Manifest{}, err
	}
	log, err := c.Store.List(ctx, config.PrefixChanges+partition)
	if err != nil || len(log) == 0 {
		return Manifest{}, err
	}
	return c.Day(ctx, day)
}

func (c *Compactor) finished(day time.Time) bool {
	return !c.Now().Before(day.Add(24*time.Hour + finished))
}

// manifestName is the file that says that a day is done.
const manifestName = "manifest.json"

// Day compacts one day, in UTC. It does nothing when the manifest is of the same log.
func (c *Compactor) Day(ctx context.Context, day time.Time) (Manifest, error) {
	begin := day.UTC().Truncate(24 * time.Hour)
	m := Manifest{Day: begin.Format(config.DatePartitionLayout), Files: map[string]int{}}
	if !c.finished(begin) {
		return m, fmt.Errorf("compact %s: %w", m.Day, ErrUnfinished)
	}
	rows, err := c.read(ctx, &m)
	if err != nil {
		return m, fmt.Errorf("compact %s: %w", m.Day, err)
	}
	folder := config.PrefixHistory + config.DatePartition + "=" + m.Day + "/"
	done, err := c.manifest(ctx, folder)
	if err != nil || done.Digest == m.Digest {
		return done, err
	}
	parts := c.split(folder, rows)
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		if err := c.write(ctx, key, parts[key]); err != nil {
			return m, fmt.Errorf("compact %s: %w", m.Day, err)
		}
		m.Files[key] = len(parts[key])
	}
	text, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	return m, c.Store.Put(ctx, folder+manifestName, text, "application/json")
}

// manifest is what a day was made of before; empty where it was not. It is looked for in
// the listing: S3 refuses to say of a file alone that it is not there.
func (c *Compactor) manifest(ctx context.Context, folder string) (m Manifest, err error) {
	there, err := c.Store.List(ctx, folder+manifestName)
	if err != nil || len(there) == 0 {
		return m, err
	}
	text, err := c.Store.Get(ctx, folder+manifestName)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, nil // it is made again
	}
	return m, nil
}

// read returns the rows of the log of a day, each once, in the order of their commits.
func (c *Compactor) read(ctx context.Context, m *Manifest) ([]publish.Row, error) {
	keys, err := c.Store.List(ctx, config.PrefixChanges+config.DatePartition+"="+m.Day+"/")
	if err != nil {
		return nil, err
	}
	digest, rows := sha256.New(), []publish.Row{}
	for _, key := range keys {
		body, err := c.Store.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(digest, "%s %x\n", key, sha256.Sum256(body))
		if rows, err = parse(rows, key, body); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(rows, func(a, b publish.Row) int {
		return cmp.Or(cmp.Compare(a.LicenseID, b.LicenseID), cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.ResourceARN, b.ResourceARN), cmp.Compare(a.InstanceID, b.InstanceID))
	})
	rows = slices.CompactFunc(rows, func(a, b publish.Row) bool { return reflect.DeepEqual(a, b) }) // what was delivered twice
	m.Sources, m.Digest, m.Rows = len(keys), hex.EncodeToString(digest.Sum(nil)), len(rows)
	return rows, nil
}

func parse(rows []publish.Row, key string, body []byte) ([]publish.Row, error) {
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		var r publish.Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", key, n, err)
		}
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return rows, nil
}

// write writes a file, and reads it back: what is there must be the rows of the log.
func (c *Compactor) write(ctx context.Context, key string, rows []publish.Row) error {
	body, err := c.Codec.Encode(rows)
	if err != nil {
		return err
	}
	if err := c.Store.Put(ctx, key, body, "application/vnd.apache.parquet"); err != nil {
		return err
	}
	if body, err = c.Store.Get(ctx, key); err != nil {
		return err
	}
	back, err := c.Codec.Decode(body)
	if err != nil {
		return err
	}
	if len(back) != len(rows) {
		return fmt.Errorf("%s: %d rows were written and %d read back", key, len(rows), len(back))
	}
	for i := range rows {
		if !reflect.DeepEqual(rows[i], back[i]) {
			return fmt.Errorf("%s: row %d of license %s, revision %d was not read back as it was written", key, i+1, rows[i].LicenseID, rows[i].Revision)
		}
	}
	return nil
}

// split gives each row to the file of its account and Region.
func (c *Compactor) split(folder string, rows []publish.Row) map[string][]publish.Row {
	parts := map[string][]publish.Row{}
	for i := range rows {
		account, region := c.home(&rows[i])
		key := folder + config.AccountPartition + "=" + account + "/" + config.RegionPartition + "=" + region + "/changes.parquet"
		parts[key] = append(parts[key], rows[i])
	}
	return parts
}

// Names of folders come from rows, so only what can be an account and a Region does.
var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
)

// home is the account and the Region of a row: its resource's, or, of what is about a
// license alone, the license's. Enforcement's own rows have neither.
func (c *Compactor) home(r *publish.Row) (account, region string) {
	account, region = r.AccountID, r.Region
	if parts := strings.Split(r.LicenseARN, ":"); r.ResourceARN == "" && len(parts) > 4 {
		region, account = parts[3], parts[4]
	}
	return known(account, accountID, c.Accounts), known(region, regionName, c.Regions)
}

func known(name string, form *regexp.Regexp, names []string) string {
	if !form.MatchString(name) || len(names) > 0 && !slices.Contains(names, name) {
		return config.PartitionOther
	}
	return name
}
