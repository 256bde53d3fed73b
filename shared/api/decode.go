package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// epoch is a time on the wire: seconds since 1970 with a fraction.
type epoch time.Time

// MarshalJSON implements json.Marshaler: milliseconds are what the ledger keeps.
func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(e).UnixMilli())/1000, 'f', 3, 64), nil
}

// epochOf returns nil for the zero time.
func epochOf(t time.Time) *epoch {
	if t.IsZero() {
		return nil
	}
	e := epoch(t)
	return &e
}

var epochType = reflect.TypeFor[epoch]()

// read fills a struct from a JSON object. Member names must be spelled as the model
// does; what it does not know is ignored, as AWS does; null is absent. The error is a
// SerializationException that names the member, or for one that is missing (tagged
// api:"required") one that it is outside the model.
func read(body []byte, into any) error {
	var tree any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		if len(bytes.TrimSpace(body)) > 0 {
			return serialization("the request body is no JSON: %v", err)
		}
		tree = map[string]any{} // a client that has nothing to say
	} else if _, err := d.Token(); err != io.EOF {
		return serialization("the request body holds more than one JSON value")
	}
	return assign("", tree, reflect.ValueOf(into).Elem())
}

func assign(path string, value any, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if err := assign(path, value, fresh.Elem()); err != nil {
			return err
		}
		v.Set(fresh)
		return nil
	}
	if v.Type() == epochType {
		return assignTime(path, value, v)
	}
	switch v.Kind() {
	case reflect.Struct:
		return assignStruct(path, value, v)
	case reflect.Slice:
		return assignList(path, value, v)
	case reflect.String:
		s, ok := value.(string)
		if !ok {
			return wrongType(path, value, "a string")
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := value.(bool)
		if !ok {
			return wrongType(path, value, "true or false")
		}
		v.SetBool(b)
	case reflect.Int64:
		n, ok := value.(json.Number)
		whole, err := strconv.ParseInt(string(n), 10, 64)
		if !ok || err != nil {
			return wrongType(path, value, "a whole number")
		}
		v.SetInt(whole)
	default:
		panic("api: no way to read " + v.Type().String())
	}
	return nil
}

func assignStruct(path string, value any, v reflect.Value) error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(path, value, "an object")
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		member := object[name]
		inner := strings.TrimPrefix(path+"."+name, ".")
		switch {
		case member != nil:
			if err := assign(inner, member, v.Field(i)); err != nil {
				return err
			}
		case f.Tag.Get("api") == "required":
			return outside("%s is required", inner)
		}
	}
	return nil
}

func assignList(path string, value any, v reflect.Value) error {
	list, ok := value.([]any)
	if !ok {
		return wrongType(path, value, "a list")
	}
	out := reflect.MakeSlice(v.Type(), len(list), len(list))
	for i, element := range list {
		if err := assign(fmt.Sprintf("%s[%d]", path, i), element, out.Index(i)); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

// assignTime reads epoch seconds.
func assignTime(path string, value any, v reflect.Value) error {
	n, ok := value.(json.Number)
	seconds, err := n.Float64()
	if !ok || err != nil || math.Abs(seconds) > latest {
		return wrongType(path, value, "a time in seconds since 1970")
	}
	v.Set(reflect.ValueOf(epoch(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC())))
	return nil
}

// latest is the end of the year 9999 in seconds since 1970.
const latest = 253402300799

func wrongType(path string, value any, want string) error {
	if path == "" {
		path = "the request body"
	}
	return serialization("%s: give %s, not %s", path, want, kindOf(value))
}

func kindOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number:
		if len(value) > 40 {
			value = value[:40] + "…"
		}
		return "the number " + string(value)
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
