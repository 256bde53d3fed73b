package ledger

import (
	"reflect"
	"testing"
	"time"

	"licenseguard/shared/license"
)

// TestSameLooksAtEveryField: what is forgotten there is never written.
func TestSameLooksAtEveryField(t *testing.T) {
	t.Parallel()
	change := func(v reflect.Value) {
		switch v.Interface().(type) {
		case time.Time:
			v.Set(reflect.ValueOf(time.UnixMilli(1)))
		case []license.Violation:
			v.Set(reflect.ValueOf([]license.Violation{{Rule: "x"}}))
		default:
			switch v.Kind() {
			case reflect.String:
				v.SetString("x")
			case reflect.Int, reflect.Int64:
				v.SetInt(1)
			case reflect.Bool:
				v.SetBool(true)
			default:
				t.Fatalf("a field of kind %s: teach this test", v.Type())
			}
		}
	}
	var each func(v reflect.Value, name string, m *Member)
	each = func(v reflect.Value, name string, m *Member) {
		if _, isTime := v.Interface().(time.Time); v.Kind() == reflect.Struct && !isTime {
			for i := range v.NumField() {
				each(v.Field(i), name+"."+v.Type().Field(i).Name, m)
			}
			return
		}
		*m = Member{}
		change(v)
		if same, want := m.same(&Member{}), name == "Member.Observed"; same != want {
			t.Errorf("with another %s, same = %v", name, same)
		}
	}
	var m Member
	each(reflect.ValueOf(&m).Elem(), "Member", &m)
}
