package localaws_test

import (
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"licenseguard/shared/integration/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m, nil)) }

func TestServersAnswer(t *testing.T) {
	for name, url := range map[string]string{"DynamoDB Local": localaws.DynamoDB(t), "moto": localaws.Moto(t)} {
		response, err := http.Get(url)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		response.Body.Close()
	}
}

// What listens on all interfaces must find none but the loopback interface.
func TestTestsAreShutIn(t *testing.T) {
	localaws.DynamoDB(t)
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			t.Errorf("interface %s is up beside the loopback interface", i.Name)
		}
	}
	if c, err := net.DialTimeout("tcp", "192.0.2.1:80", time.Second); err == nil {
		c.Close()
		t.Error("the tests reach another network")
	}
}
