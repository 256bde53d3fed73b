package license

import "testing"

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"15", "15.0.0", 0},
		{"", "0", 0},
		{"", "", 0},
		{"9.9", "9.10", -1},
		{"15.0.2000.5", "16", -1},
		{"15.0.2000.5", "15.0.2000.50", -1},
		{"007", "7", 0},
		{"1.8.0_202", "1.8.0-203", -1},
		{"7.0 Update 3", "7.0.9", 1},
		{"7.0 update 3", "7.0 Update 3", 0},
		{"2.0rc1", "2.0", 1},
		{"99999999999999999999999999", "100000000000000000000000000", -1}, // beyond any integer
		{"1\x00.\x002", "1.2", 0},
		{"١٥", "0", 0}, // digits of another script are none
	}
	for _, tt := range tests {
		if got := CompareVersions(tt.a, tt.b); got != tt.want {
			t.Errorf("CompareVersions(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := CompareVersions(tt.b, tt.a); got != -tt.want {
			t.Errorf("CompareVersions(%q, %q) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func TestVersionRange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		bounds, version string
		want            bool
	}{
		{">=15 <16", "15.0.2000.5", true},
		{">=15 <16", "15", true},
		{">=15 <16", "16.0.1000.6", false},
		{">=15 <16", "14.9", false},
		{">=15 <16", "", false},
		{">=0", "", false}, // a text without a number is no version
		{">=0", "unknown", false},
		{"=19.3", "19.3.0", true},
		{">19.3", "19.3.0.1", true},
		{"<=19.3", "19.3.0.1", false},
	}
	for _, tt := range tests {
		r, err := parseVersionRange(tt.bounds)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.has(tt.version); got != tt.want {
			t.Errorf("%q has %q: %t, want %t", tt.bounds, tt.version, got, tt.want)
		}
	}
}

// FuzzCompareVersions: the order is one whatever the texts, so that a range means
// something.
func FuzzCompareVersions(f *testing.F) {
	f.Add("15.0", "15.a", "15")
	f.Add("1.0rc1", "1.0", "1.0.1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if CompareVersions(a, a) != 0 || CompareVersions(a, b) != -CompareVersions(b, a) {
			t.Errorf("%q, %q", a, b)
		}
		if CompareVersions(a, b) <= 0 && CompareVersions(b, c) <= 0 && CompareVersions(a, c) > 0 {
			t.Errorf("%q <= %q <= %q, but not %q <= %q", a, b, c, a, c)
		}
	})
}
