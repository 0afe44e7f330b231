package web

import (
	"strconv"
	"testing"
	"time"
)

func TestAddressesAreBoundedInNumber(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	a := newAddresses(func() time.Time { return now })
	for i := range 2 * maxAddresses {
		if _, ok := a.allow(strconv.Itoa(i)); !ok {
			t.Fatalf("address %d was refused its first request", i)
		}
	}
	if len(a.by) > maxAddresses {
		t.Errorf("%d addresses are remembered", len(a.by))
	}
}

func TestAnAddressGetsItsAllowanceBack(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	a := newAddresses(func() time.Time { return now })
	for range namesBurst {
		if _, ok := a.allow("192.0.2.1"); !ok {
			t.Fatal("refused too early")
		}
	}
	wait, ok := a.allow("192.0.2.1")
	if ok || wait <= 0 {
		t.Fatalf("allowed beyond the burst: %v %v", wait, ok)
	}
	if _, ok := a.allow("192.0.2.2"); !ok {
		t.Error("another address is refused")
	}
	now = now.Add(wait)
	if _, ok := a.allow("192.0.2.1"); !ok {
		t.Error("refused after the wait that was asked for")
	}
}
