package fleet_test

import (
	"testing"

	"licenseguard/cmd/licenseguard/internal/fleet"
)

// FuzzReadInstances: no listing makes it panic, and every instance has an id.
func FuzzReadInstances(f *testing.F) {
	f.Add([]byte(`{"Reservations":[{"OwnerId":"123456789012","Instances":[{"InstanceId":"i-0123456789abcdef0","InstanceType":"m5.large","State":{"Name":"running"},"LaunchTime":"2026-11-20T08:00:00Z","Placement":{"AvailabilityZone":"eu-central-1a"}}]}]}`))
	f.Add([]byte(`{"Reservations":[{"Instances":[null,{}]},null]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		instances, _, err := fleet.ReadInstances(data)
		for _, in := range instances {
			if err == nil && in.ID == "" {
				t.Fatalf("an instance without an id: %+v", in)
			}
		}
	})
}

// FuzzReadHosts: no listing makes it panic, and every host has an id.
func FuzzReadHosts(f *testing.F) {
	f.Add([]byte(`{"Hosts":[{"HostId":"h-0123456789abcdef0","OwnerId":"123456789012","HostProperties":{"InstanceFamily":"m5","Cores":48,"Sockets":2}}]}`), "eu-central-1")
	f.Add([]byte(`{"Hosts":[null,{}]}`), "")
	f.Fuzz(func(t *testing.T, data []byte, region string) {
		hosts, err := fleet.ReadHosts(data, region)
		for _, h := range hosts {
			if err == nil && h.ID == "" {
				t.Fatalf("a host without an id: %+v", h)
			}
		}
	})
}
