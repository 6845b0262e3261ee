"""The foundation: every table that a campaign's life is written in."""

import sqlalchemy as sa
from alembic import op

from gonogo.models import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gonogo_executor",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_executor_pk")),
    )
    op.create_table(
        "gonogo_move",
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event", "source", "target", name=op.f("gonogo_move_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_workspace",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("account_group", sa.String(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("sender_id", sa.String(), nullable=True),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_workspace_pk")),
        sa.UniqueConstraint("account_group", name=op.f("gonogo_workspace_account_group_key")),
    )
    op.create_table(
        "gonogo_list",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("positions", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("imports", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_list_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_list_pk")),
    )
    op.create_index(op.f("gonogo_list_workspace_id_idx"), "gonogo_list", ["workspace_id"], unique=False)
    op.create_table(
        "gonogo_payload",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_payload_workspace_id_fk")),
        sa.PrimaryKeyConstraint("digest", name=op.f("gonogo_payload_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_policy",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_policy_workspace_id_fk")),
        sa.PrimaryKeyConstraint("workspace_id", "number", name=op.f("gonogo_policy_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_version",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.CheckConstraint("kind IN ('content', 'sender', 'settings')", name=op.f("gonogo_version_kind")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_version_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_version_pk")),
        sa.UniqueConstraint("workspace_id", "kind", "digest", name=op.f("gonogo_version_workspace_id_kind_digest_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_campaign",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("wire_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("permit_id", sa.String(), nullable=True),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("selection", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("dispatch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.Column("start_at", Utc(), nullable=True),
        sa.Column("content_id", sa.String(), nullable=True),
        sa.Column("sender_id", sa.String(), nullable=True),
        sa.Column("settings_id", sa.String(), nullable=False),
        sa.Column("list_id", sa.String(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.CheckConstraint(
            "state = 'paused' OR (state IN ('scheduled', 'active', 'running')) = (permit_id IS NOT NULL)",
            name=op.f("gonogo_campaign_gate"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'pending_approval', 'scheduled', 'active', 'running', 'paused', 'completed', 'cancelled', 'failed')",
            name=op.f("gonogo_campaign_state"),
        ),
        sa.ForeignKeyConstraint(["content_id"], ["gonogo_version.id"], name=op.f("gonogo_campaign_content_id_fk")),
        sa.ForeignKeyConstraint(["list_id"], ["gonogo_list.id"], name=op.f("gonogo_campaign_list_id_fk")),
        sa.ForeignKeyConstraint(
            ["permit_id", "id", "run"],
            ["gonogo_permit.id", "gonogo_permit.campaign_id", "gonogo_permit.run"],
            name="gonogo_campaign_permit_fk",
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(["sender_id"], ["gonogo_version.id"], name=op.f("gonogo_campaign_sender_id_fk")),
        sa.ForeignKeyConstraint(["settings_id"], ["gonogo_version.id"], name=op.f("gonogo_campaign_settings_id_fk")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_campaign_workspace_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_campaign_pk")),
        sa.UniqueConstraint(
            "workspace_id", "dialect", "wire_id", name=op.f("gonogo_campaign_workspace_id_dialect_wire_id_key")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "gonogo_campaign_due_idx",
        "gonogo_campaign",
        ["start_at"],
        unique=False,
        sqlite_where=sa.text("state = 'scheduled'"),
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.create_index("gonogo_campaign_listed_idx", "gonogo_campaign", ["workspace_id", "id"], unique=False)
    op.create_index(
        "gonogo_campaign_sending_idx",
        "gonogo_campaign",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state IN ('active', 'running')"),
        postgresql_where=sa.text("state IN ('active', 'running')"),
    )
    op.create_table(
        "gonogo_contact",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("list_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("excluded", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["gonogo_list.id"], name=op.f("gonogo_contact_list_id_fk")),
        sa.ForeignKeyConstraint(["payload"], ["gonogo_payload.digest"], name=op.f("gonogo_contact_payload_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_contact_pk")),
        sa.UniqueConstraint("list_id", "address_key", name=op.f("gonogo_contact_list_id_address_key_key")),
    )
    op.create_index(
        op.f("gonogo_contact_list_id_position_idx"), "gonogo_contact", ["list_id", "position"], unique=False
    )
    op.create_table(
        "gonogo_member",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["payload"], ["gonogo_payload.digest"], name=op.f("gonogo_member_payload_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_member_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_member_pk")),
        sa.UniqueConstraint("workspace_id", "address_key", name=op.f("gonogo_member_workspace_id_address_key_key")),
    )
    op.create_table(
        "gonogo_part",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("wire_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=True),
        sa.Column("list_id", sa.String(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["gonogo_list.id"], name=op.f("gonogo_part_list_id_fk")),
        sa.ForeignKeyConstraint(["version_id"], ["gonogo_version.id"], name=op.f("gonogo_part_version_id_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_part_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_part_pk")),
        sa.UniqueConstraint("workspace_id", "kind", "wire_id", name=op.f("gonogo_part_workspace_id_kind_wire_id_key")),
    )
    op.create_table(
        "gonogo_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=True),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("mac", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["gonogo_member.id"], name=op.f("gonogo_key_member_id_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_key_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_key_pk")),
    )
    op.create_index(op.f("gonogo_key_workspace_id_idx"), "gonogo_key", ["workspace_id"], unique=False)
    op.create_table(
        "gonogo_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("content_id", sa.String(), nullable=False),
        sa.Column("sender_id", sa.String(), nullable=False),
        sa.Column("settings_id", sa.String(), nullable=False),
        sa.Column("start_at", Utc(), nullable=True),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("findings", sa.String(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("seal", sa.String(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("step_due_at", Utc(), nullable=True),
        sa.Column("begun_at", Utc(), nullable=True),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("closed_as", sa.String(), nullable=True),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("launch_error", sa.String(), nullable=True),
        sa.Column("rate_limited_until", Utc(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_run_campaign_id_fk")),
        sa.ForeignKeyConstraint(["content_id"], ["gonogo_version.id"], name=op.f("gonogo_run_content_id_fk")),
        sa.ForeignKeyConstraint(["findings"], ["gonogo_payload.digest"], name=op.f("gonogo_run_findings_fk")),
        sa.ForeignKeyConstraint(["sender_id"], ["gonogo_version.id"], name=op.f("gonogo_run_sender_id_fk")),
        sa.ForeignKeyConstraint(["settings_id"], ["gonogo_version.id"], name=op.f("gonogo_run_settings_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_run_pk")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("gonogo_run_campaign_id_number_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_step",
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_step_campaign_id_fk")),
        sa.ForeignKeyConstraint(
            ["event", "source", "target"],
            ["gonogo_move.event", "gonogo_move.source", "gonogo_move.target"],
            name="gonogo_step_move_fk",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "seq", name=op.f("gonogo_step_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_audience",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["payload"], ["gonogo_payload.digest"], name=op.f("gonogo_audience_payload_fk")),
        sa.ForeignKeyConstraint(["run_id"], ["gonogo_run.id"], name=op.f("gonogo_audience_run_id_fk")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("gonogo_audience_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_lease",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=True),
        sa.Column("campaign_id", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_lease_campaign_id_fk")),
        sa.ForeignKeyConstraint(["run_id"], ["gonogo_run.id"], name=op.f("gonogo_lease_run_id_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_lease_workspace_id_fk")),
        sa.PrimaryKeyConstraint("token", name=op.f("gonogo_lease_pk")),
    )
    op.create_index(op.f("gonogo_lease_campaign_id_idx"), "gonogo_lease", ["campaign_id"], unique=False)
    op.create_index(op.f("gonogo_lease_until_idx"), "gonogo_lease", ["until"], unique=False)
    op.create_table(
        "gonogo_task",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("requirement", sa.JSON(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("have", sa.Integer(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('campaign_start', 'policy_change', 'break_glass_review')", name=op.f("gonogo_task_kind")
        ),
        sa.CheckConstraint(
            "status IN ('reviewing', 'pending', 'approved', 'dismissed', 'changes_requested', 'expired', 'void')",
            name=op.f("gonogo_task_status"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_task_campaign_id_fk")),
        sa.ForeignKeyConstraint(["run_id"], ["gonogo_run.id"], name=op.f("gonogo_task_run_id_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_task_workspace_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_task_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("gonogo_task_campaign_id_idx"), "gonogo_task", ["campaign_id"], unique=False)
    op.create_index(
        "gonogo_task_deadline_idx",
        "gonogo_task",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('reviewing', 'pending')"),
        postgresql_where=sa.text("status IN ('reviewing', 'pending')"),
    )
    op.create_index(
        "gonogo_task_listed_idx", "gonogo_task", ["workspace_id", "status", "created_at", "id"], unique=False
    )
    op.create_index(
        "gonogo_task_open_key",
        "gonogo_task",
        ["campaign_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'campaign_start' AND status IN ('reviewing', 'pending')"),
        postgresql_where=sa.text("kind = 'campaign_start' AND status IN ('reviewing', 'pending')"),
    )
    op.create_table(
        "gonogo_ledger",
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
        sa.CheckConstraint(
            "state IN ('claimed', 'sent', 'unknown', 'rejected', 'failed', 'skipped', 'cancelled', 'superseded')",
            name=op.f("gonogo_ledger_state"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "position"],
            ["gonogo_audience.run_id", "gonogo_audience.position"],
            name="gonogo_ledger_audience_fk",
        ),
        sa.PrimaryKeyConstraint("run_id", "step", "position", name=op.f("gonogo_ledger_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "gonogo_ledger_claimed_idx",
        "gonogo_ledger",
        ["campaign_id", "token"],
        unique=False,
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "gonogo_ledger_once_key",
        "gonogo_ledger",
        ["campaign_id", "generation", "contact_id", "step"],
        unique=True,
        sqlite_where=sa.text("state IN ('claimed', 'sent', 'unknown')"),
        postgresql_where=sa.text("state IN ('claimed', 'sent', 'unknown')"),
    )
    op.create_table(
        "gonogo_permit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.Column("granted_at", Utc(), nullable=False),
        sa.CheckConstraint("kind IN ('quorum', 'auto', 'break_glass', 'ungated')", name=op.f("gonogo_permit_kind")),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_permit_campaign_id_fk")),
        sa.ForeignKeyConstraint(["task_id"], ["gonogo_task.id"], name=op.f("gonogo_permit_task_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_permit_pk")),
        sa.UniqueConstraint("campaign_id", "run", name=op.f("gonogo_permit_campaign_id_run_key")),
        sa.UniqueConstraint("id", "campaign_id", "run", name=op.f("gonogo_permit_id_campaign_id_run_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_vote",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("choice", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.Column("acknowledged", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint(
            "choice IN ('approve', 'retract', 'dismiss', 'request_changes')", name=op.f("gonogo_vote_choice")
        ),
        sa.ForeignKeyConstraint(["comment"], ["gonogo_payload.digest"], name=op.f("gonogo_vote_comment_fk")),
        sa.ForeignKeyConstraint(["task_id"], ["gonogo_task.id"], name=op.f("gonogo_vote_task_id_fk")),
        sa.PrimaryKeyConstraint("task_id", "seq", name=op.f("gonogo_vote_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_permit_end",
        sa.Column("permit_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["permit_id"], ["gonogo_permit.id"], name=op.f("gonogo_permit_end_permit_id_fk")),
        sa.PrimaryKeyConstraint("permit_id", name=op.f("gonogo_permit_end_pk")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":  # on SQLite it stands in the CREATE TABLE
        op.create_foreign_key(
            "gonogo_campaign_permit_fk",
            "gonogo_campaign",
            "gonogo_permit",
            ["permit_id", "id", "run"],
            ["id", "campaign_id", "run"],
        )
