module github.com/flight-core/shared-types/go

go 1.18
