"""Who is in the directory: the same made-up people for us and for every peer."""

from __future__ import annotations

from dataclasses import dataclass

BASE_DN = "dc=example,dc=com"
PASSWORD = "benchmark-password-1"
ADMINISTRATOR = "akadmin"
"""May read the whole directory."""
SHARED_SECRET = "benchmark-shared-secret"
HOST = "app.example.com"
CLIENT, CLIENT_SECRET = "benchmark", "benchmark-client-secret-0123456789abcdef"
CALLBACK = "http://relying.example.com/callback"
"""Of the application that signs people in by OpenID Connect."""

DEPARTMENT_SIZE = 1000
TEAM_SIZE = 100
FIRST_NUMBER = 2000
"""uidNumber of nobody: the first person's is one more."""


@dataclass(frozen=True, slots=True)
class Person:
    ordinal: int
    """From 0."""

    @property
    def username(self) -> str:
        return f"user{self.ordinal:06}"

    @property
    def given_name(self) -> str:
        return f"Given{self.ordinal % 997}"

    @property
    def surname(self) -> str:
        return f"Surname{self.ordinal}"

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}"

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"

    @property
    def team(self) -> int:
        return self.ordinal // TEAM_SIZE

    @property
    def attributes(self) -> dict[str, str]:
        return {
            "departmentNumber": str(self.ordinal // DEPARTMENT_SIZE),
            "employeeNumber": str(100_000 + self.ordinal),
            "telephoneNumber": f"+1 555 {self.ordinal:07}",
            "title": "Engineer",
        }


def people(count: int, first: int = 0) -> list[Person]:
    return [Person(ordinal) for ordinal in range(first, first + count)]


def user_dn(username: str) -> str:
    return f"cn={username},ou=users,{BASE_DN}"


def team_name(team: int) -> str:
    return f"team-{team}"
