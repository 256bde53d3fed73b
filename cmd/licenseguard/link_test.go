package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the command line must not link: compiling it takes longer than all the
// rest together, and the demonstration begins with a build.
var notLinked = []string{
	"github.com/aws/aws-sdk-go-v2/service/ec2",
	"github.com/aws/aws-cdk-go/awscdk/v2",
	"net/rpc", // it brings a template library, which keeps every method of every AWS client: 26 MB more
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

// TestNoTemplateIsSet: one call of these makes the linker keep every method of every
// AWS client, and nearly doubles the program; see docs/adr/0012-cli-library.md.
func TestNoTemplateIsSet(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`\.Set(Help|Usage|Version)Template\(|"(text|html)/template"`).Find(text); m != nil {
			t.Errorf("%s: %s", name, m)
		}
	}
}
