package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What the command line must not link: compiling it takes longer than all the
// rest together, and the demonstration begins with a build.
var notLinked = []string{
	"github.com/aws/aws-sdk-go-v2/service/ec2",
	"github.com/aws/aws-cdk-go/awscdk/v2",
}

func TestWhatIsLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if len(linked) < 100 {
		t.Fatalf("go list names only %d packages", len(linked))
	}
	for _, path := range linked {
		for _, banned := range notLinked {
			if path == banned || strings.HasPrefix(path, banned+"/") {
				t.Errorf("the command line links %s", path)
			}
		}
	}
}
