package licensefile_test

import (
	"testing"

	"licenseguard/shared/licensefile"
)

// FuzzRead: no file makes it panic, and what it takes is valid and read alike
// the next time.
func FuzzRead(f *testing.F) {
	f.Add([]byte("licenses:\n- name: A\n  counting: vCPU\n  count: 4\n"))
	f.Add([]byte("licenses:\n- name: A\n  counting: Core\n  count: 1e3\n  rules: [\"#allowedTenancy=EC2-DedicatedHost\"]\n  associations:\n  - tag: a=b*\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("licenses: [{name: ~, count: -1}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := licensefile.Read(data, "123456789012", "eu-central-1")
		again, errAgain := licensefile.Read(data, "123456789012", "eu-central-1")
		if (err == nil) != (errAgain == nil) || len(first) != len(again) {
			t.Fatalf("read differently the second time: %v, %v", err, errAgain)
		}
	})
}
