package relay

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestBucketsStayBoundedAndForgetTheFullFirst(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBuckets[int](Rate{PerSecond: 0.001, Burst: 2})
	b.size = 10
	for key := range 5 { // spent, and to be kept in mind
		if got := spend(b, key, now); got != 2 {
			t.Fatalf("key %d has a burst of %d", key, got)
		}
	}
	for key := 5; key < 1000; key++ {
		b.get(key, now) // seen, and full
		if len(b.buckets) > b.size {
			t.Fatalf("%d buckets", len(b.buckets))
		}
	}
	for key := range 5 {
		if b.allow(key, now) {
			t.Errorf("key %d was forgotten before those that had spent nothing", key)
		}
	}
	for key := range 1000 { // an attacker with more addresses than there are buckets
		if !b.allow(2000+key, now) {
			t.Fatalf("key %d was locked out", key)
		}
		if len(b.buckets) > b.size {
			t.Fatalf("%d buckets", len(b.buckets))
		}
	}
	later := now.Add(time.Hour)
	if got := spend(b, 0, later); got != 2 {
		t.Errorf("after a long time a bucket holds %d", got)
	}
}

// spend takes all tokens of a key, and counts them.
func spend(b *buckets[int], key int, now time.Time) int {
	n := 0
	for b.allow(key, now) {
		n++
	}
	return n
}

func TestFramesAreThoseOfRFC6455(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 255, 256, 16 << 10, 65535} {
		payload := bytes.Repeat([]byte("x"), size)
		// gorilla/websocket reads what was written: a client must take it.
		var stream bytes.Buffer
		stream.Write(frameOf(websocket.PingMessage, nil))
		stream.Write(frameOf(websocket.TextMessage, payload))
		conn := clientOf(t, stream.Bytes())
		pinged := false
		conn.SetPingHandler(func(string) error { pinged = true; return nil })
		kind, got, err := conn.ReadMessage()
		if err != nil || kind != websocket.TextMessage || !bytes.Equal(got, payload) || !pinged {
			t.Errorf("%d octets: kind %d, %d octets, pinged %v, %v", size, kind, len(got), pinged, err)
		}
	}
}

// clientOf gives a websocket whose server sends stream after the upgrade.
func clientOf(t *testing.T, stream []byte) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		conn.NetConn().Write(stream)
		conn.Close()
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
