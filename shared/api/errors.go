package api

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
)

// The error types that are answered; all but the last two are of the service's model.
const (
	typeInvalid     = "InvalidParameterValueException"
	typeValidation  = "ValidationException"
	typeFilters     = "FilterLimitExceededException"
	typeConflict    = "ConflictException"
	typeUsage       = "LicenseUsageException"
	typeState       = "InvalidResourceStateException"
	typeDependency  = "FailedDependencyException"
	typeNotFound    = "ResourceNotFoundException"
	typeDenied      = "AccessDeniedException"
	typeInternal    = "ServerInternalException"
	typeUnknown     = "UnknownOperationException"
	typeMalformed   = "SerializationException"
	codeNoInventory = "SoftwareInventoryNotRead"
)

// Error is what a client is told. Every error but a failure of ours has the status
// 400: clients go by the type.
type Error struct {
	Status  int    `json:"-"`
	Type    string `json:"__type"`
	Message string `json:"message"`
	Code    string `json:"ErrorCode,omitempty"`
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

func refusal(kind, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: kind, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Error { return refusal(typeInvalid, format, args...) }

// outside is for what is outside the bounds that the model itself states. Where the
// operation's model has no ValidationException it is answered as an invalid value.
func outside(format string, args ...any) *Error { return refusal(typeValidation, format, args...) }

func serialization(format string, args ...any) *Error {
	return refusal(typeMalformed, format, args...)
}

func unknown(format string, args ...any) *Error { return refusal(typeUnknown, format, args...) }

func denied(format string, args ...any) *Error { return refusal(typeDenied, format, args...) }

func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// members are the wire names of fields that the core names otherwise.
var members = map[string]string{
	"name": "Name", "description": "Description", "countingType": "LicenseCountingType", "licenseCount": "LicenseCount",
	"licenseCountHardLimit": "LicenseCountHardLimit", "status": "LicenseConfigurationStatus", "tags": "Tags",
	"products": "ProductInformationList", "launches": "Launches", "configurations": "Configurations", "at": "At", "plan": "Launches and Configurations",
	"configuration": "the license configuration",
}

// wireName is the name of a field, or of what is in it, as clients know it.
func wireName(field string) string {
	outer := field
	if i := strings.IndexAny(field, "[."); i >= 0 {
		outer = field[:i]
	}
	if name := members[outer]; name != "" {
		return name + field[len(outer):]
	}
	return field
}

// failure translates an error into what the client is told.
func failure(err error) *Error {
	var (
		e         *Error
		field     *license.FieldError
		rule      *license.RuleError
		changed   *registrar.Changed
		conflict  *ledger.Conflict
		inUse     *registrar.InUse
		badState  *registrar.BadState
		elsewhere *registrar.Elsewhere
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.As(err, &field):
		return invalid("%v", &license.FieldError{Field: wireName(field.Field), Value: field.Value, Want: field.Want})
	case errors.As(err, &rule):
		return invalid("LicenseRules: %v", rule)
	case errors.As(err, &changed):
		return refusal(typeConflict, "%v", changed)
	case errors.As(err, &conflict):
		return refusal(typeConflict, "another change came at the same moment; repeat the request")
	case errors.As(err, &inUse), errors.As(err, &elsewhere), errors.Is(err, registrar.ErrTokenUsed):
		return invalid("%v", err)
	case errors.As(err, &badState):
		return refusal(typeState, "%v", badState)
	case errors.Is(err, registrar.ErrNoGenerator):
		return refusal(typeNotFound, "%v", err)
	case errors.Is(err, ledger.ErrNotFound):
		return invalid("%s: it is gone", invalidARN)
	default:
		return &Error{Status: http.StatusInternalServerError, Type: typeInternal, Message: err.Error()}
	}
}
