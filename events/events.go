// Package events holds one sample of every event licenseguard is sent.
//
// A sample has the shape that AWS sends, whole: an EventBridge envelope and
// its detail. README.md lists what each event means. The folder malformed
// holds bodies that must be refused, one for each rule.
//
// The package has no logic. Tests and the command line import it; functions
// do not.
//
//	body, err := events.Read("ec2/instance-state-change/running")
package events

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed autoscaling cloudtrail ec2 malformed rds s3 schedule ssm
var samples embed.FS

// Read returns the sample of that name, such as
// "ec2/instance-state-change/running". The caller owns the bytes. For a name
// that Names does not list the error wraps fs.ErrNotExist.
func Read(name string) ([]byte, error) {
	return samples.ReadFile(name + ".json")
}

// Names returns the names of all samples, sorted. Those of malformed bodies
// start with "malformed/".
func Names() []string {
	var names []string
	// The walk cannot fail: the files are in the binary.
	_ = fs.WalkDir(samples, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimSuffix(path, ".json"))
		}
		return err
	})
	slices.Sort(names)
	return names
}
