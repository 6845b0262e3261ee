"""What holds messages back, what came back about them, and what is told to others."""

import sqlalchemy as sa
from alembic import op

from gonogo.models import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = (
    "state IN ('claimed', 'sent', 'unknown', 'deferred', 'released', 'rejected', 'failed', 'skipped', 'cancelled',"
    " 'superseded')"
)
UNDER_WAY = "begun_at IS NOT NULL AND closed_at IS NULL AND wake_at IS NULL AND waiting_for IS NULL"


def upgrade() -> None:
    op.execute("ALTER TABLE gonogo_run RENAME COLUMN step_due_at TO wake_at")
    op.drop_index("gonogo_campaign_listed_idx", "gonogo_campaign")
    op.create_index("gonogo_campaign_listed_idx", "gonogo_campaign", ["workspace_id", "created_at", "id"])
    _columns()
    if op.get_bind().dialect.name == "postgresql":
        _ledger_in_place()
    else:
        _ledger_anew()
    _ledger_index()
    _audience()
    _tables()
    _tables_about_messages()


def _columns() -> None:
    op.add_column(
        "gonogo_lease",
        sa.Column("turn", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
    )
    op.add_column("gonogo_run", sa.Column("waiting_for", sa.String(), nullable=True))
    op.add_column("gonogo_run", sa.Column("waiting_since", Utc(), nullable=True))
    op.add_column("gonogo_run", sa.Column("trouble", sa.String(), nullable=True))
    op.add_column("gonogo_run", sa.Column("deferred", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_run", sa.Column("bounced", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_run", sa.Column("complained", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_run", sa.Column("replied", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_run", sa.Column("unsubscribed", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_run", sa.Column("tried_before", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(
        "gonogo_run_under_way_idx",
        "gonogo_run",
        ["begun_at"],
        sqlite_where=sa.text(UNDER_WAY),
        postgresql_where=sa.text(UNDER_WAY),
    )
    op.create_index(
        "gonogo_run_waking_idx",
        "gonogo_run",
        ["wake_at"],
        unique=False,
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.add_column("gonogo_member", sa.Column("verified_at", Utc(), nullable=True))
    op.add_column("gonogo_workspace", sa.Column("limits", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("gonogo_workspace", sa.Column("endpoints", sa.Integer(), server_default="0", nullable=False))


def _ledger_in_place() -> None:
    op.drop_constraint("gonogo_ledger_state", "gonogo_ledger")
    op.create_check_constraint(op.f("gonogo_ledger_state"), "gonogo_ledger", STATES)
    op.add_column("gonogo_ledger", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_ledger", sa.Column("retry_at", Utc(), nullable=True))
    op.add_column("gonogo_ledger", sa.Column("variant", sa.Integer(), nullable=True))


def _ledger_anew() -> None:
    """SQLite changes no CHECK: the table is made again. Its triggers go with it, and are installed after."""
    op.create_table(
        "gonogo_ledger_new",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("claimed_at", Utc(), nullable=False),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", Utc(), nullable=True),
        sa.Column("variant", sa.Integer(), nullable=True),
        sa.CheckConstraint(STATES, name=op.f("gonogo_ledger_state")),
        sa.ForeignKeyConstraint(
            ["run_id", "position"],
            ["gonogo_audience.run_id", "gonogo_audience.position"],
            name="gonogo_ledger_audience_fk",
        ),
        sa.PrimaryKeyConstraint("run_id", "step", "position", name=op.f("gonogo_ledger_pk")),
        sqlite_with_rowid=False,
    )
    kept = "run_id, step, position, campaign_id, generation, contact_id, state, token, claimed_at, settled_at, error"
    op.execute(f"INSERT INTO gonogo_ledger_new ({kept}) SELECT {kept} FROM gonogo_ledger")  # noqa: S608
    op.execute("DROP TABLE gonogo_ledger")
    op.execute("ALTER TABLE gonogo_ledger_new RENAME TO gonogo_ledger")
    op.create_index(
        "gonogo_ledger_claimed_idx",
        "gonogo_ledger",
        ["campaign_id", "token"],
        sqlite_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "gonogo_ledger_once_key",
        "gonogo_ledger",
        ["campaign_id", "generation", "contact_id", "step"],
        unique=True,
        sqlite_where=sa.text("state IN ('claimed', 'sent', 'unknown')"),
    )


def _ledger_index() -> None:
    op.create_index(
        "gonogo_ledger_deferred_idx",
        "gonogo_ledger",
        ["run_id", "step", "retry_at"],
        sqlite_where=sa.text("state = 'deferred'"),
        postgresql_where=sa.text("state = 'deferred'"),
    )


def _audience() -> None:
    """Steps that were handled are told one by one. What keeps an audience as it is, is installed after."""
    owner = " ON gonogo_audience" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER IF EXISTS gonogo_audience_fixed{owner}")
    op.execute("ALTER TABLE gonogo_audience RENAME COLUMN first_step TO done")
    op.execute("UPDATE gonogo_audience SET done = (1 << done) - 1 WHERE done > 0")


def _tables() -> None:
    op.create_table(
        "gonogo_cap",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("daily", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('sender', 'pool')", name=op.f("gonogo_cap_kind")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_cap_workspace_id_fk")),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "subject", name=op.f("gonogo_cap_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_endpoint",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_endpoint_workspace_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_endpoint_pk")),
    )
    op.create_index(op.f("gonogo_endpoint_workspace_id_idx"), "gonogo_endpoint", ["workspace_id"], unique=False)
    op.create_table(
        "gonogo_hold",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", Utc(), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lifted_at", Utc(), nullable=True),
        sa.CheckConstraint("kind IN ('sender', 'workspace', 'everything')", name=op.f("gonogo_hold_kind")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_hold_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_hold_pk")),
    )
    op.create_index(
        "gonogo_hold_standing_idx",
        "gonogo_hold",
        ["workspace_id"],
        unique=False,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "gonogo_quota",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_quota_workspace_id_fk")),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "subject", "day", name=op.f("gonogo_quota_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_suppression",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('unsubscribe', 'complaint', 'bounce', 'reply')", name=op.f("gonogo_suppression_reason")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_suppression_workspace_id_fk")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "address_key", "reason", name=op.f("gonogo_suppression_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_notice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_notice_campaign_id_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_notice_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_notice_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("gonogo_notice_workspace_id_idx"), "gonogo_notice", ["workspace_id"], unique=False)
    op.create_table(
        "gonogo_test_send",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint(
            "state IN ('claimed', 'sent', 'rejected', 'failed', 'unknown')", name=op.f("gonogo_test_send_state")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_test_send_campaign_id_fk")),
        sa.ForeignKeyConstraint(["member_id"], ["gonogo_member.id"], name=op.f("gonogo_test_send_member_id_fk")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_test_send_workspace_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_test_send_pk")),
    )
    op.create_index(op.f("gonogo_test_send_campaign_id_idx"), "gonogo_test_send", ["campaign_id"], unique=False)
    op.create_table(
        "gonogo_delivery",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("notice_id", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", Utc(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("gonogo_delivery_state")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["gonogo_endpoint.id"], name=op.f("gonogo_delivery_endpoint_id_fk")),
        sa.ForeignKeyConstraint(["notice_id"], ["gonogo_notice.id"], name=op.f("gonogo_delivery_notice_id_fk")),
        sa.PrimaryKeyConstraint("endpoint_id", "notice_id", name=op.f("gonogo_delivery_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "gonogo_delivery_due_idx",
        "gonogo_delivery",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "gonogo_delivery_line_idx",
        "gonogo_delivery",
        ["endpoint_id", "campaign_id", "notice_id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "gonogo_minute",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("minute", Utc(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["gonogo_run.id"], name=op.f("gonogo_minute_run_id_fk")),
        sa.PrimaryKeyConstraint("run_id", "minute", name=op.f("gonogo_minute_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_review_mail",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("mac", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", Utc(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("spent_at", Utc(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sent', 'failed')", name=op.f("gonogo_review_mail_state")),
        sa.ForeignKeyConstraint(["member_id"], ["gonogo_member.id"], name=op.f("gonogo_review_mail_member_id_fk")),
        sa.ForeignKeyConstraint(["task_id"], ["gonogo_task.id"], name=op.f("gonogo_review_mail_task_id_fk")),
        sa.PrimaryKeyConstraint("task_id", "member_id", name=op.f("gonogo_review_mail_pk")),
        sa.UniqueConstraint("mac", name=op.f("gonogo_review_mail_mac_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "gonogo_review_mail_due_idx",
        "gonogo_review_mail",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _tables_about_messages() -> None:
    op.create_table(
        "gonogo_resolution",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint("verdict IN ('sent', 'released')", name=op.f("gonogo_resolution_verdict")),
        sa.ForeignKeyConstraint(
            ["run_id", "step", "position"],
            ["gonogo_ledger.run_id", "gonogo_ledger.step", "gonogo_ledger.position"],
            name="gonogo_resolution_ledger_fk",
        ),
        sa.PrimaryKeyConstraint("run_id", "step", "position", name=op.f("gonogo_resolution_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_response",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('unsubscribe', 'complaint', 'bounce', 'reply')", name=op.f("gonogo_response_kind")
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "step", "position"],
            ["gonogo_ledger.run_id", "gonogo_ledger.step", "gonogo_ledger.position"],
            name="gonogo_response_ledger_fk",
        ),
        sa.PrimaryKeyConstraint("run_id", "step", "position", "kind", name=op.f("gonogo_response_pk")),
        sqlite_with_rowid=False,
    )
