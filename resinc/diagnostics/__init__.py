"""Read-only views of parameter trees and functions: depth order, cost, summary."""
