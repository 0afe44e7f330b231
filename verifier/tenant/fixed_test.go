package tenant_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"countersign/verifier/tenant"
)

func TestFixedNamesEveryOverride(t *testing.T) {
	if got := tenant.New(tenant.Config{}).Fixed(); len(got) != 0 {
		t.Errorf("nothing is fixed, and named are %v", got)
	}
	var o tenant.Overrides
	all := reflect.ValueOf(&o).Elem()
	for i := range all.NumField() {
		all.Field(i).Set(reflect.New(all.Field(i).Type().Elem()))
	}
	fixed := tenant.New(tenant.Config{Overrides: o}).Fixed()
	if len(fixed) != all.NumField() {
		t.Errorf("%d overrides, named are %v", all.NumField(), fixed)
	}
	settings := reflect.TypeFor[tenant.Settings]()
	for i := range settings.NumField() {
		f := settings.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if _, has := all.Type().FieldByName(f.Name); has != slices.Contains(fixed, name) {
			t.Errorf("%s: override %v, named %v", name, has, !has)
		}
	}
}
