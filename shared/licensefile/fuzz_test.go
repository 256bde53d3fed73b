package licensefile_test

import (
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/licensefile"
)

// FuzzRead: no file makes it panic or go on without end, and it is read alike
// the next time.
func FuzzRead(f *testing.F) {
	f.Add([]byte("licenses:\n- name: A\n  countingType: vCPU\n  licenseCount: 4\n"))
	f.Add([]byte("licenses:\n- name: A\n  countingType: Core\n  licenseCount: 010\n  rules: [\"#allowedTenancy=EC2-DedicatedHost\"]\n  associations:\n  - tag: a=b*\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("licenses: [{name: ~, licenseCount: -1}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		slow := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("no end of %q", data)) })
		defer slow.Stop()
		first, err := licensefile.Read(data, "123456789012", "eu-central-1")
		again, errAgain := licensefile.Read(data, "123456789012", "eu-central-1")
		if (err == nil) != (errAgain == nil) || len(first) != len(again) {
			t.Fatalf("read differently the second time: %v, %v", err, errAgain)
		}
	})
}
