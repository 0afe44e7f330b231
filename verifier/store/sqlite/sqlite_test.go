package sqlite_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(ctx context.Context, path string) (store.Store, error) { return sqlite.Open(ctx, path) }

func TestConformance(t *testing.T) { storetest.Test(t, open) }
